"""The lines of a sign at a place: true to its languages, names and forms, with the foreign words that streets have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from random import Random

from geoloc_core.signs.scripts import scripts_of
from index_builder.atlas.writing import forms
from index_builder.atlas.writing.places import SignPlace
from index_builder.atlas.writing.tables import phrases, towns

MISLED, ENGLISH_TOO, BRAND = 0.06, 0.3, 0.08
_UPPER = 0.4
_FOREIGN = (
    "Pizzeria Napoli", "Paris Café", "London Fashion", "Tokyo Sushi", "Café de Paris", "Hotel Bristol",
    "Restaurante México", "Istanbul Kebap", "Bar Havana", "Trattoria Roma", "Sushi Osaka", "Dubai Perfumes",
    "California Nails", "Texas Grill", "Irish Pub", "Bollywood Palace", "Hong Kong Express", "Berlin Döner",
    "Peking Garden", "Brasil Coffee", "Milano Moda", "Athens Gyros", "Bangkok Thai", "New York Bagels", "Kiwi Bar",
)  # fmt: skip
_BRANDS = (
    "Coca-Cola", "PEPSI", "VISA", "SAMSUNG", "WiFi", "ATM", "TOYOTA", "Nescafé", "HUAWEI", "OPEN", "TAXI", "Heineken",
    "DHL", "HOTEL", "24h", "SALE", "STOP", "YAMAHA", "Red Bull", "Western Union",
)  # fmt: skip


@dataclass(frozen=True)
class SignText:
    """What stands on a sign.

    Attributes:
        kind: one of `KINDS`, or "brand" or "foreign".
        lines: from top to bottom.
        language: of most of it; "" for a plate, a brand and a foreign name.
        misled: it speaks of another place than its own.
    """

    kind: str
    lines: tuple[str, ...]
    language: str
    misled: bool = False


@cache
def script_of_language(language: str) -> str:
    """The script a language's phrases are in."""
    text = " ".join(text for texts in phrases()[language].values() for text in texts if "{" not in text)
    scripts = scripts_of(text)
    return "kana" if language == "ja" else scripts.most_common(1)[0][0]


class Writer:
    """Makes the signs of one place in one of its languages."""

    def __init__(self, place: SignPlace, rng: Random, language: str | None = None) -> None:
        self.place, self.rng = place, rng
        self.language = language or rng.choice(place.languages)
        self.table = phrases()[self.language]

    def phrase(self, kind: str) -> str:
        """A phrase with its blanks filled."""
        texts = self.table.get(kind) or self.table["notice"]
        near = self.rng.choice(self.place.neighbours)[0] if self.place.neighbours else self.place.town
        town = self.place.town if kind == "shop" else near
        text = self.rng.choice(texts).replace("{n}", self.number())
        return text.replace("{p}", self.rng.choice(self.table["name"])).replace("{t}", self.named(town))

    def number(self) -> str:
        """A house number."""
        return str(self.rng.randrange(1, 180))

    def named(self, town: str) -> str:
        """A town's name on a sign in the language, as far as it is known in its script."""
        known = towns().get((self.place.iso2, town))
        if known and scripts_of(known.local).keys() <= {script_of_language(self.language), "han"}:
            return known.local
        return town

    def address(self) -> list[str]:
        """Street and number, then postcode and town."""
        how = self.place.forms
        street = self.rng.choice(how.address.split("|")).format(street=self.phrase("street"), n=self.number())
        post = forms.filled(how.post, self.rng) if how.post else ""
        line = forms.filled(how.town_line, self.rng).format(
            town=self.named(self.place.town), region=self.place.region, post=post
        )
        return [forms.filled(street, self.rng) if "##" in street else street, line.strip(" ,")]

    def contact(self, name: str) -> list[str]:
        """Some of: telephone, web address, address."""
        lines = []
        if self.rng.random() < 0.55 and (number := forms.phone(self.place, self.rng)):
            lines.append(self.rng.choice(("", "Tel. ", "Tel: ")) + number)
        if self.rng.random() < 0.4:
            lines.append(forms.domain(self.place, name, self.rng))
        if self.rng.random() < 0.3:
            lines += self.address()
        return lines

    def street(self) -> list[str]:
        """A street's name plate, here and there with its town."""
        return [self.phrase("street")] + ([self.named(self.place.town)] if self.rng.random() < 0.15 else [])

    def entry(self) -> list[str]:
        """A sign at the town's border."""
        lines = [self.named(self.place.town)]
        if lines[0] != self.place.town and self.rng.random() < 0.5:
            lines.append(self.place.town)
        told = self.place.region not in ("", *lines) and self.rng.random() < 0.2
        return [*lines, self.place.region] if told else lines

    def direction(self) -> list[str]:
        """Road number and distances to towns nearby."""
        lines = [forms.filled(self.place.forms.road, self.rng)] if self.place.forms.road else []
        factor = 0.621371 if self.place.iso2 in forms.MILES else 1.0
        unit = "" if factor != 1 or self.rng.random() < 0.5 else " km"
        for name, km in self.rng.sample(self.place.neighbours, min(3, len(self.place.neighbours))):
            lines.append(f"{self.named(name)} {max(1, round(km * factor))}{unit}")
        return lines or self.entry()

    def shop(self) -> list[str]:
        """A shop's front."""
        name = self.phrase("shop")
        return [name, *self.contact(name)]

    def van(self) -> list[str]:
        """A company's van."""
        who = self.rng.choice(self.table["name"])
        company = f"{who} {self.place.forms.company}".strip()
        return [company, self.phrase("shop"), *self.contact(who)]

    def notice(self) -> list[str]:
        """One notice or two."""
        return [self.phrase("notice") for _ in range(self.rng.choice((1, 1, 2)))]

    def parking(self) -> list[str]:
        """A parking sign with hours."""
        return ["P", forms.hours(self.place, self.rng), self.phrase("notice")]

    def prices(self) -> list[str]:
        """A board of prices."""
        price = self.place.forms.price or "##"
        return [f"{self.phrase('item')} {forms.filled(price, self.rng)}" for _ in range(self.rng.choice((2, 3, 4)))]

    def opening(self) -> list[str]:
        """Opening hours."""
        days = self.table.get("days")
        if not days:
            return self.notice()
        open_ = [f"{day} {forms.hours(self.place, self.rng)}" for day in days[:2]]
        return [*([self.phrase("shop")] if self.rng.random() < 0.5 else []), *open_, days[2]]

    def stop(self) -> list[str]:
        """A bus stop or a public building."""
        return [self.phrase("stop"), *([self.named(self.place.town)] if self.rng.random() < 0.4 else [])]

    def building(self) -> list[str]:
        """A construction board."""
        return [self.phrase("build"), *self.contact(self.rng.choice(self.table["name"]))]

    def plate(self) -> list[str]:
        """A number plate, or a notice where plates are not known."""
        found = forms.plate(self.place, self.rng)
        return [found] if found else self.notice()


_WEIGHTS: dict[str, float] = {
    "street": 2.4, "shop": 3.0, "notice": 2.0, "direction": 1.6, "entry": 0.8, "van": 0.8, "parking": 0.6,
    "prices": 0.8, "opening": 0.7, "stop": 1.0, "building": 0.6, "plate": 0.9,
}  # fmt: skip
KINDS = tuple(_WEIGHTS)


def sign_text(place: SignPlace, rng: Random, kind: str | None = None, language: str | None = None) -> SignText:
    """A sign of a place.

    Args:
        place: where it stands.
        rng: decides all that is left open.
        kind: one of `KINDS`; by default a usual one.
        language: one that has phrases; by default one of the place's.
    """
    writer = Writer(place, rng, language)
    kind = kind or rng.choices(KINDS, list(_WEIGHTS.values()))[0]
    make: Callable[[], list[str]] = getattr(writer, kind)
    lines = make()
    bare = kind == "plate" and len(lines) == 1
    text = SignText(kind, tuple(lines), "" if bare else writer.language)
    if kind in ("notice", "stop") and writer.language != "en" and rng.random() < ENGLISH_TOO:
        text = replace(text, lines=(*text.lines, Writer(place, rng, "en").phrase(kind)))
    if kind != "plate" and rng.random() < _UPPER:
        text = replace(text, lines=tuple(_upper(line, writer.language) for line in text.lines))
    return text


def _upper(line: str, language: str) -> str:
    if "@" in line or "www." in line or language in ("ka", "el"):
        return line
    return line.replace("i", "İ").upper() if language in ("tr", "az") else line.replace("ß", "ẞ").upper()


def sign_texts(place: SignPlace, rng: Random, most: int = 4) -> list[SignText]:
    """One to `most` signs that are seen together: mostly of the place, with brands, and rarely of somewhere else."""
    found = [sign_text(place, rng) for _ in range(rng.randrange(1, most + 1))]
    if rng.random() < BRAND:
        found.append(SignText("brand", (rng.choice(_BRANDS),), ""))
    if rng.random() < MISLED:
        found[0] = SignText("foreign", (rng.choice(_FOREIGN),), "", misled=True)
    return found
