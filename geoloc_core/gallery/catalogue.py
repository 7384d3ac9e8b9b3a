"""Which galleries are on this machine, and which one to start with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from geoloc_core.encoders import for_id
from geoloc_core.errors import GalleryError, GalleryMissing, GeolocError
from geoloc_core.gallery.manifest import Manifest, check_files, read_manifest
from geoloc_core.paths import ASSETS
from geoloc_core.settings import Settings
from geoloc_core.status import Availability, Choice

STARTER, STARTER_LOCATIONS = ASSETS / "starter", ASSETS / "geoclip-starter"
_EMBEDDED = (STARTER_LOCATIONS, STARTER)
_NO_LOCATIONS = "Build one into the galleries folder with `python -m index_builder geoclip`."


@dataclass(frozen=True)
class Listed:
    """A gallery's folder and manifest; for one that cannot be used, the problem in place of the manifest."""

    path: Path
    manifest: Manifest | None
    problem: str = ""

    @property
    def name(self) -> str:
        """The folder's name, by which the gallery is chosen."""
        return self.path.name

    @property
    def bare(self) -> bool:
        """Whether it holds bare locations, with which photos cannot be compared."""
        return self.manifest is not None and self.manifest.encoder is None

    @property
    def locations(self) -> bool:
        """Whether its vectors are a location encoder's: coordinates that photos are compared with, and no photos."""
        return self.manifest is not None and self.manifest.of_locations and not self.bare

    @property
    def summary(self) -> str:
        """What it holds in one line, or why it cannot be used."""
        about = self.manifest
        if about is None:
            return self.problem
        if about.encoder is None:
            return f"{about.count:,} bare locations, for location encoders: {about.title}"
        what = "locations" if self.locations else "photos"
        return f"{about.count:,} {what}, {about.encoder.name}: {about.title}"


def find_galleries(settings: Settings) -> tuple[Listed, ...]:
    """The galleries in the settings' folder, and last the embedded starters. Only manifests are read."""
    try:
        folders = sorted(p for p in settings.galleries.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError:
        folders = []
    if settings.gallery and (named := Path(settings.gallery).expanduser()).is_dir() and named not in folders:
        folders.insert(0, named)
    return tuple(_listed(path) for path in (*folders, *_EMBEDDED))


def readiness(entry: Listed) -> Availability:
    """Whether a gallery could be searched now, judged without opening it."""
    if entry.manifest is None:
        return Availability(False, entry.problem)
    try:
        made_with = entry.manifest.made_with
        return for_id(made_with.id, made_with.name).availability()
    except GeolocError as error:
        return Availability(False, str(error))


def default_gallery(listed: tuple[Listed, ...], settings: Settings) -> tuple[Listed, Choice]:
    """The gallery to start with: the one the settings name, else the largest of photos that is ready, else the largest
    of locations that is (GeoCLIP), else the starter.
    """
    listed = tuple(entry for entry in listed if not entry.bare)
    if settings.gallery:
        for entry in listed:
            if settings.gallery in (entry.name, str(entry.path)):
                return entry, Choice(entry.name, "the settings name it")
    ready = [entry for entry in listed if entry.path not in _EMBEDDED and readiness(entry)]
    for locations, why in (
        (False, "the largest usable gallery in the galleries folder"),
        (True, "GeoCLIP's locations: no usable gallery of photos was found"),
    ):
        if those := [entry for entry in ready if entry.locations == locations]:
            largest = _largest(those)
            return largest, Choice(largest.name, why)
    starter = next(entry for entry in listed if entry.path == STARTER)
    return starter, Choice(starter.name, "the embedded starter: no other usable gallery was found")


def choose(name: str | None, settings: Settings) -> tuple[Path, Choice]:
    """The folder of the gallery called `name` (or at that path or URL); without a name, the default.

    Raises:
        GalleryMissing: there is no gallery of that name.
    """
    if name and "://" in name:
        from geoloc_core.gallery.remote import fetched, redacted

        return (path := fetched(name, settings)), Choice(path.name, f"pulled from {redacted(name)}")
    listed = find_galleries(settings)
    if not name:
        entry, choice = default_gallery(listed, settings)
        return entry.path, choice
    for entry in listed:
        if name == entry.name:
            return entry.path, Choice(name, "asked for by name")
    if (path := Path(name).expanduser()).is_dir():
        return path, Choice(path.name, "asked for by path")
    names = ", ".join(entry.name for entry in listed)
    raise GalleryMissing(f"There is no gallery {name!r}. Give a gallery's folder, or one of {names}.")


def choose_locations(name: str | None, settings: Settings) -> tuple[Path, Choice]:
    """The folder of the location gallery called `name` (see `choose`); without a name, one to search with GeoCLIP.

    That is the one the settings name, else the largest that is ready, else the embedded starter's.

    Raises:
        GalleryMissing: there is none of that name, or none at all.
    """
    if name:
        return choose(name, settings)
    listed = [entry for entry in find_galleries(settings) if entry.locations]
    for entry in listed:
        if settings.gallery in (entry.name, str(entry.path)):
            return entry.path, Choice(entry.name, "the settings name it")
    states = {entry.path: readiness(entry) for entry in listed}
    if ready := [entry for entry in listed if states[entry.path] and entry.path != STARTER_LOCATIONS]:
        largest = _largest(ready)
        return largest.path, Choice(largest.name, "the largest usable gallery of locations")
    missing = next((f"{state.reason} {state.remedy}" for state in states.values() if not state), _NO_LOCATIONS)
    if STARTER_LOCATIONS in states:
        return STARTER_LOCATIONS, Choice(STARTER_LOCATIONS.name, f"the embedded starter's. {missing}")
    raise GalleryMissing(f"There is no gallery of locations that can be searched. {missing}")


def _largest(entries: list[Listed]) -> Listed:
    return max(entries, key=lambda entry: entry.manifest.count if entry.manifest else 0)


def _listed(path: Path) -> Listed:
    try:
        manifest = read_manifest(path)
        check_files(path, manifest, checksums=False)
        return Listed(path, manifest)
    except GalleryError as error:
        return Listed(path, None, str(error))
