"""Encoders: image -> embedding. One file an encoder kind; `presets` names the ones worth choosing.

An encoder is written `NAME` (a preset, or a folder under `settings().checkpoints`), `open_clip:MODEL/TAG` (any
pretrained pair open_clip knows), `open_clip:FOLDER` (a local checkpoint in the layout open_clip saves) or
`geoclip:FOLDER` (a GeoCLIP that `geoclip.save` wrote).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from geoloc_core.encoders.base import Embeddings, Encoder
from geoloc_core.errors import EncoderError, EncoderMismatch, GeolocError, WeightsMissing
from geoloc_core.settings import settings
from geoloc_core.status import Choice

__all__ = ["Embeddings", "Encoder", "best_available", "create", "for_id", "names"]

_PREFIX, _GEOCLIP = "open_clip:", "geoclip:"


_made: dict[str, Encoder] = {}
_making = threading.RLock()


def create(name: str) -> Encoder:
    """The encoder of that name; the same object every time, so a process loads one model once.

    Raises:
        EncoderError: there is no such encoder.
    """
    with _making:
        if name not in _made:
            _made[name] = _make(name)
        return _made[name]


def for_id(encoder_id: str, name_hint: str = "") -> Encoder:
    """The encoder that a gallery was made with: the one hinted at if its id agrees, else any on this machine.

    Args:
        encoder_id: the id in the gallery's manifest.
        name_hint: the name the encoder had when the gallery was made.

    Raises:
        WeightsMissing: the encoder is known, but its weights are not on this machine.
        EncoderMismatch: no encoder here makes embeddings comparable to the gallery's.
    """
    missing: list[WeightsMissing] = []
    present: list[str] = []
    for name in dict.fromkeys(_candidates(encoder_id, name_hint)):
        try:
            encoder = create(name)
            if encoder.id == encoder_id:
                return encoder
            present.append(name)
        except WeightsMissing as error:
            if name == name_hint or _same_pair(encoder_id, name):
                missing.append(error)
        except GeolocError:
            continue
    if missing:
        raise missing[0]
    raise EncoderMismatch(
        f"The gallery was made with the encoder {encoder_id}, and none on this machine ({', '.join(present)}) has "
        f"that id. Put its checkpoint into a folder under {settings().checkpoints}, or build the gallery again."
    )


def best_available() -> Choice:
    """The encoder for a new gallery: the first learned preset whose weights are here, else the one without weights."""
    for name in ("clip-l14", "siglip2", "mobileclip2"):
        if create(name).availability():
            return Choice(name, "its weights are on this machine")
    return Choice(
        "im2gps",
        "no learned encoder's weights are on this machine; `python -m geoloc_core fetch clip-l14` gets better ones",
    )


def names() -> tuple[str, ...]:
    """The presets, then the local checkpoints under `settings().checkpoints`."""
    from geoloc_core.encoders.presets import PRESETS

    return (*PRESETS, *(name for name in _local_names() if name not in PRESETS))


def _make(name: str) -> Encoder:
    from geoloc_core.encoders.geoclip import GeoClipEncoder
    from geoloc_core.encoders.im2gps import Im2Gps
    from geoloc_core.encoders.open_clip import OpenClip
    from geoloc_core.encoders.presets import PRESETS, local_checkpoint, pretrained
    from geoloc_core.geoclip import open_geoclip

    if (preset := PRESETS.get(name)) and preset.base:
        return GeoClipEncoder(name, open_geoclip(name))
    if preset:
        return OpenClip(name, preset.source) if preset.source else Im2Gps()
    if name in _local_names():
        return OpenClip(name, local_checkpoint(settings().checkpoints / name))
    if name.startswith(_GEOCLIP):
        return GeoClipEncoder(name, open_geoclip(str(Path(name.removeprefix(_GEOCLIP)).expanduser().absolute())))
    what = name.removeprefix(_PREFIX)
    if what and what != name:
        if what.startswith((".", "/", "~", "\\")) or Path(what).is_dir():
            return OpenClip(name, local_checkpoint(Path(what)))
        model, slash, tag = what.partition("/")
        if slash:
            return OpenClip(name, pretrained(model, tag))
    close = get_close_matches(name, names(), n=1)
    guess = f" Did you mean {close[0]}?" if close else ""
    raise EncoderError(
        f"There is no encoder {name!r}.{guess} "
        f"Choose one of {', '.join(names())}, open_clip:MODEL/TAG, open_clip:FOLDER or geoclip:FOLDER."
    )


def _local_names() -> list[str]:
    from geoloc_core.encoders.checkpoints import CONFIG

    try:
        return sorted(file.parent.name for file in settings().checkpoints.glob(f"*/{CONFIG}"))
    except OSError:
        return []


def _candidates(encoder_id: str, name_hint: str) -> Iterator[str]:
    """Names to try, the likeliest and cheapest first."""
    from geoloc_core.encoders.presets import PRESETS

    if name_hint:
        yield name_hint
    yield from (name for name in PRESETS if _same_pair(encoder_id, name))
    yield from names()
    kind, _, rest = encoder_id.partition("/")
    if kind == "open_clip" and rest.count("/") == 3:
        yield f"{_PREFIX}{rest.rsplit('/', 2)[0]}"


def _same_pair(encoder_id: str, name: str) -> bool:
    """Whether the id is of the pretrained pair that `name` stands for, whatever its weights are."""
    from geoloc_core.encoders.presets import PRESETS

    hub = PRESETS[name].hub if name in PRESETS else None
    return encoder_id.startswith(f"open_clip/{hub.label if hub else name.removeprefix(_PREFIX)}/")
