"""Img2Loc: a large multimodal model is asked where, given the places of near and far neighbours.

Source: Zhou et al., "Img2Loc: Revisiting Image Geolocalization using Multi-modality Foundation Models and Image-based
Retrieval-Augmented Generation" (2024), sections 3.2 and 3.3. The optional second turn, in which the model chooses among
the places found, is ours.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from geoloc_core.encoders.base import Encoder
from geoloc_core.errors import LmmCancelled, LmmError
from geoloc_core.gallery import Gallery
from geoloc_core.geo import LocationDistribution, distance_km
from geoloc_core.lmm import samples
from geoloc_core.lmm.account import Account, Exchange
from geoloc_core.lmm.base import HERE, Ask, Lmm, Reply, Watch
from geoloc_core.lmm.cost import Budget, Estimate, Price, cost_of, estimate
from geoloc_core.lmm.picture import photo_jpeg, thumbnails
from geoloc_core.lmm.prompt import DEFAULT, LOCATIONS_TEMPLATE, Plan, render, render_candidates
from geoloc_core.lmm.reading import SCHEMA, Reading, read_reply
from geoloc_core.lmm.unanswered import Unanswered
from geoloc_core.prediction import Evidence, Prediction, Query
from geoloc_core.predictors import for_gallery
from geoloc_core.predictors.signs import Signs
from geoloc_core.signs.record import told
from geoloc_core.status import Availability, Choice

SAME_KM = 25.0  # candidates of the second turn that lie closer are one
MOST_CANDIDATES = 8
WAYS = {"json": "coordinates in JSON", "text": "coordinates in prose", "place": "looked up from the place named"}


class Img2Loc:
    """Retrieval, a prompt, and what the model makes of it.

    Args:
        gallery: the photos searched; not touched if the plan gives no neighbours.
        encoder: the encoder the gallery was made with; may be None if the plan gives no neighbours.
        lmm: the model asked.
        plan: how it is asked; the default prompt speaks of places where the gallery holds no photos.
        watch: sees the replies come in, and can stop them.
        budget: what may be spent, asked before anything is sent; by default anything.
        price: US dollars per million tokens, None if not known.
        shown: neighbours kept as evidence at each end, of those given to the model.
        signs: reads what is written in the photo, for the prompt to tell; None tells nothing of it.
    """

    name = "img2loc"

    def __init__(
        self,
        gallery: Gallery,
        encoder: Encoder | None,
        lmm: Lmm,
        *,
        plan: Plan = DEFAULT,
        watch: Watch | None = None,
        budget: Budget | None = None,
        price: Price | None = None,
        shown: int = 16,
        signs: Signs | None = None,
    ) -> None:
        if plan.retrieves and encoder is None:
            raise ValueError("This plan gives neighbours: pass the encoder of the gallery, or near = far = 0.")
        self.gallery, self.encoder, self.lmm = gallery, encoder, lmm
        if gallery.manifest.of_locations and plan.template == DEFAULT.template:
            plan = replace(plan, template=LOCATIONS_TEMPLATE)
        self.plan, self.price, self.shown, self.signs = plan, price, shown, signs
        self.watch, self.budget = watch or Watch(), budget or Budget(None)

    def availability(self) -> Availability:
        """Available when the model is and, if neighbours are given, the gallery's encoder."""
        if self.encoder and self.plan.retrieves:
            searched = for_gallery(self.gallery, self.encoder).availability()
            if not searched:
                return searched
        return self.lmm.availability()

    def ask_for(self, query: Query) -> Ask:
        """Exactly what would be sent for a photo. Nothing is.

        Raises:
            EncoderError: the encoder is not available or failed.
            FilterError: the query's limits cannot be used with the gallery, or leave nothing.
            GalleryError: the gallery cannot be searched or was made by another encoder.
            ReaderError: what is written in the photo is to be told, and could not be looked for.
        """
        plan, found = self.plan, self._neighbours(query)
        most = min(plan.wanted_thumbnails, self.lmm.capabilities.images - 1)
        pictures = thumbnails(self.gallery, found.nearest, most)
        written = told(self.signs.read(query)) if self.signs else ""
        prompt = render(plan, found, [position for position, _ in pictures], written)
        return self._ask(prompt, query, tuple(jpeg for _, jpeg in pictures))

    def predict(self, query: Query) -> Prediction:
        """The places the model names, as a distribution.

        Raises:
            LmmError: the model gave no reply, or the budget does not allow the question.
            Unanswered: it replied, but names no usable place.
            EncoderError, FilterError, GalleryError: as `ask_for`.
        """
        exchanges = [self._put(self.ask_for(query), query)]
        if not any(reading.location for reading in exchanges[0].readings):
            raise Unanswered(self._no_place(exchanges[0]), self._account(exchanges), self._evidence(query))
        distribution, width = samples.distribution(exchanges[0].readings)
        choices = {"retrieval": self._retrieval(), **self._told(), **self._reply_choices(exchanges[0]), "kernel": width}
        if self.plan.second_turn:
            second, choices["second turn"] = self._choose(query, distribution)
            exchanges += [second] if second else []
            if second and any(reading.location for reading in second.readings):
                distribution, choices["kernel"] = samples.distribution(second.readings)
        with query.step("predict", "Weighing the places named"):
            distribution.radius_km()
        return self._prediction(query, distribution, exchanges, choices)

    def _prediction(
        self, query: Query, distribution: LocationDistribution, exchanges: list[Exchange], choices: dict[str, Choice]
    ) -> Prediction:
        retrieves = self.plan.retrieves
        if self.encoder and retrieves:
            choices = {**self.encoder.choices, "search": self.gallery.search_choice, **choices}
        choices |= {f"model's {name}": choice for name, choice in getattr(self.lmm, "choices", {}).items()}
        return Prediction(
            distribution=distribution,
            predictor=self.name,
            model=self._title(),
            licence=self.gallery.manifest.licence if retrieves else "",
            evidence=self._evidence(query),
            seconds=dict(query.seconds),
            choices=choices,
            searched=query.searched(self.gallery) if retrieves else None,
            account=self._account(exchanges),
        )

    def _neighbours(self, query: Query) -> Evidence:
        """The neighbours that the prompt gives; nothing is searched for a prompt that gives none."""
        near, far = self.plan.wanted
        if not self.encoder or not (near or far):
            return Evidence()
        both = max(near, far)
        found = query.shown(self.gallery, self.encoder, both, both)
        return Evidence(found.nearest[:near], found.farthest[:far])

    def _evidence(self, query: Query) -> Evidence:
        found = self._neighbours(query)
        return Evidence(found.nearest[: self.shown], found.farthest[: self.shown])

    def _ask(self, prompt: str, query: Query, pictures: tuple[bytes, ...] = ()) -> Ask:
        plan = self.plan
        held = plan.structured and self.lmm.capabilities.structured is not False
        return Ask(
            prompt=prompt,
            images=(photo_jpeg(query.photo, plan.photo_side), *pictures),
            samples=plan.samples,
            schema=SCHEMA if held else None,
            temperature=plan.temperature,
            max_tokens=plan.max_tokens,
        )

    def estimate(self, ask: Ask) -> Estimate:
        """Tokens and cost of a question, about and at most."""
        return estimate(ask, self.price, requests=1 if self.lmm.capabilities.samples else ask.samples)

    def _put(self, ask: Ask, query: Query) -> Exchange:
        with self.budget.holding(self.estimate(ask)) as pay:
            with query.step("ask", f"Asking {self._who()}"):
                said = self.lmm.ask(ask, self.watch)
            pay(cost_of(said, self.price))
        return Exchange(ask, said, tuple(_read(reply) for reply in said.replies))

    def _choose(self, query: Query, first: LocationDistribution) -> tuple[Exchange | None, Choice]:
        """The second turn. Whatever prevents it but the user, the first answer stands."""
        points = self._candidates(query, first)
        if len(points) < 2:
            return None, Choice("none", "there was only one place to choose from")
        try:
            exchange = self._put(self._ask(render_candidates(points), query), query)
        except LmmCancelled:
            raise
        except LmmError as error:
            return None, Choice("failed", f"the first answer stands: {error}")
        if not any(reading.location for reading in exchange.readings):
            return exchange, Choice("no place named", "the first answer stands")
        best = samples.distribution(exchange.readings)[0].best()
        away = distance_km(best, points)
        if away.min() > SAME_KM:
            return exchange, Choice("another place", f"none of {len(points)} candidates fitted, says the model")
        return exchange, Choice(f"candidate {int(away.argmin()) + 1} of {len(points)}", "chosen by the model")

    def _candidates(self, query: Query, first: LocationDistribution) -> list[tuple[float, float]]:
        """Places to choose among: those the model named, then those that retrieval alone would; from north to south."""
        modes = list(first.top(MOST_CANDIDATES // 2))
        if self.encoder and self.plan.retrieves:
            modes += for_gallery(self.gallery, self.encoder).predict(query).distribution.top(MOST_CANDIDATES // 2)
        kept: list[tuple[float, float]] = []
        for mode in modes:
            if not kept or distance_km((mode.lat, mode.lon), kept).min() > SAME_KM:
                kept.append((mode.lat, mode.lon))
        return sorted(kept, reverse=True)

    def _told(self) -> dict[str, Choice]:
        return {"signs": Choice("told", "asked for: what is written in the photo")} if self.signs else {}

    def _retrieval(self) -> Choice:
        near, far = self.plan.wanted
        if not (near or far):
            return Choice("none", "the prompt gives no neighbours")
        ends = [f"{count} {name}" for count, name in ((near, "nearest"), (far, "farthest")) if count]
        return Choice(" and ".join(ends), "what the prompt gives")

    def _reply_choices(self, exchange: Exchange) -> dict[str, Choice]:
        """How the reply was asked for, how many counted, and what had to be done otherwise."""
        named = sum(reading.location is not None for reading in exchange.readings)
        problems = dict.fromkeys(reading.problem for reading in exchange.readings if not reading.location)
        held = exchange.ask.schema is not None
        why = "asked for; read as free text all the same" if held else "no schema wanted, or the model knows none"
        choices = {
            "reply": Choice("JSON schema" if held else "free text", why),
            "samples": Choice(f"{named} of {exchange.ask.samples}", "; ".join(problems) or "as many as name a place"),
        }
        ways = dict.fromkeys(WAYS[reading.how] for reading in exchange.readings if reading.location)
        notes = dict.fromkeys(reading.note for reading in exchange.readings if reading.note)
        if ways:
            choices["reading"] = Choice(" and ".join(ways), " ".join(notes) or "what the replies hold")
        if exchange.said.notes:
            choices["server"] = Choice("asked otherwise", " ".join(exchange.said.notes))
        if exchange.said.cached:
            choices["cache"] = Choice("answered from it", "the same question was answered before; nothing was sent")
        return choices

    def _no_place(self, exchange: Exchange) -> str:
        problems = dict.fromkeys(reading.problem for reading in exchange.readings)
        why = " ".join(problems) or "It sent no reply at all. Ask again, or choose another model."
        return f"{self._who()} named no usable place. {why}"

    def _account(self, exchanges: list[Exchange]) -> Account:
        costs = [cost_of(exchange.said, self.price) for exchange in exchanges]
        total = None if None in costs else sum(cost for cost in costs if cost is not None)
        return Account(self.lmm.destination, tuple(exchanges), total)

    def _who(self) -> str:
        model, where = self.lmm.model, self.lmm.destination
        if where == HERE:
            return f"{Path(model).name if model.startswith(('/', '~', '.')) else model} on {where}"
        return f"{model} at {where}"

    def _title(self) -> str:
        return self._who() + (f" over {self.gallery.manifest.title}" if self.plan.retrieves else "")


def _read(reply: Reply) -> Reading:
    reading = read_reply(reply.text)
    if reading.location or reply.finish != "length":
        return reading
    cut = "The reply was cut off at its limit of tokens: allow more."
    return replace(reading, problem=f"{reading.problem} {cut}".strip())
