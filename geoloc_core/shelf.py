"""Trained models in folders, each with a JSON description: which are on this machine, which to use, what they say.

Descriptions are read as hostile. Importing this needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from geoloc_core.errors import CheckpointMisfit, CheckpointMissing, GeolocError
from geoloc_core.paths import ASSETS
from geoloc_core.settings import settings
from geoloc_core.status import Choice

CARD = "card.json"
_MOST_BYTES = 1_000_000
D = TypeVar("D", bound=BaseModel)


class _Card(Protocol):
    @property
    def synthetic(self) -> bool:
        """Whether it was trained on drawn photos."""


def read_description(
    path: Path,
    kind: type[D],
    what: str = "a trained model",
    *,
    missing: type[GeolocError] = CheckpointMissing,
    misfit: type[GeolocError] = CheckpointMisfit,
) -> D:
    """Read and check a JSON file of at most 1 MB.

    Args:
        path: the file.
        kind: what it must be.
        what: has such a file, in words.
        missing, misfit: what is raised if there is none, or none that can be used.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise misfit(f"{path} is too large to describe {what}. Save it again.")
        return kind.model_validate_json(data)
    except (FileNotFoundError, NotADirectoryError):
        raise missing(f"There is no {path.name} in {path.parent}. Give the folder of {what}.") from None
    except ValidationError as error:
        raise misfit(f"{path} cannot be used ({said_by(error)}). Save it again.") from None
    except OSError as error:
        raise misfit(f"{path} cannot be read ({error.strerror}). Check its permissions.") from None


def said_by(error: ValidationError) -> str:
    """The first complaint of pydantic, with where it is."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])


@dataclass(frozen=True)
class Shelf:
    """The models of one kind.

    Attributes:
        read: the card in a folder; raises a `GeolocError` if it is none of this kind.
        starter: the name of the one that comes with Geoloc.
        one: what one of them is called, such as "model".
    """

    read: Callable[[Path], _Card]
    starter: str
    one: str = "model"

    def names(self) -> tuple[str, ...]:
        """Those in the settings' folder of checkpoints by name, then those with Geoloc."""
        found: dict[str, None] = {}
        for folder in _folders():
            with suppress(OSError):
                for path in sorted(folder.iterdir()):
                    if (path / CARD).is_file():
                        with suppress(GeolocError):
                            self.read(path)
                            found.setdefault(path.name)
        return tuple(found)

    def choose(self, name: str | None = None) -> Choice:
        """The one asked for, else the first trained on real photos, else the starter.

        The choice may be of one that is not there, which then says so itself.
        """
        if name:
            return Choice(name, "asked for")
        there = self.names()
        if real := [one for one in there if not self.read(self.folder(one)).synthetic]:
            return Choice(real[0], f"the first {self.one} on this machine that was trained on real photos")
        if there and self.starter not in there:
            return Choice(there[0], f"the first {self.one} on this machine")
        return Choice(self.starter, f"comes with Geoloc: no {self.one} trained on real photos was found")

    def folder(self, name: str) -> Path:
        """Where the one of that name lies, which may also be the path of its folder."""
        if name == Path(name).name:
            for folder in _folders():
                if (folder / name / CARD).is_file():
                    return folder / name
            if name == self.starter:
                return ASSETS / "checkpoints" / name
        return Path(name).expanduser().absolute()


def _folders() -> tuple[Path, Path]:
    return settings().checkpoints, ASSETS / "checkpoints"
