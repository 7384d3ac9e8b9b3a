"""The command line: `python -m geoloc_core locate PHOTO`, `fetch`, `galleries`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from geoloc_core.console import run
from geoloc_core.limits import add_scope, scope_of


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    return run(_parser(), arguments, if_stopped="Stopped.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m geoloc_core", description="Where was this photo taken?")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    locate = commands.add_parser("locate", help="say where a photo was taken")
    locate.add_argument("photo", type=Path, metavar="PHOTO")
    locate.add_argument("--gallery", metavar="G", help="name or folder of the gallery (default: as the app chooses)")
    locate.add_argument("--neighbours", type=int, metavar="K", help="neighbours reported at each end")
    add_scope(locate)
    formats = locate.add_mutually_exclusive_group()
    for name in ("json", "geojson", "kml"):
        formats.add_argument(f"--{name}", dest="format", action="store_const", const=name, help=f"print {name}")
    locate.set_defaults(run=_locate)

    fetch = commands.add_parser("fetch", help="download the weights of an encoder")
    fetch.add_argument("encoder", nargs="?", metavar="ENCODER", help="a preset; without one, they are listed")
    fetch.set_defaults(run=_fetch)

    galleries = commands.add_parser("galleries", help="list the galleries on this machine")
    galleries.set_defaults(run=_galleries)
    return parser


def _locate(options: argparse.Namespace) -> None:
    from geoloc_core.export import EXPORTS
    from geoloc_core.gallery import Gallery
    from geoloc_core.gallery.catalogue import choose
    from geoloc_core.locate import locate
    from geoloc_core.photo import WORKING_SIDE, PhotoLimits, open_photo
    from geoloc_core.settings import settings

    config = settings()
    photo = open_photo(options.photo, PhotoLimits(config.max_photo_bytes, config.max_photo_pixels), WORKING_SIDE)
    path, choice = choose(options.gallery, config)
    print(f"gallery: {choice}", file=sys.stderr)
    answer = locate(
        photo,
        Gallery.open(path),
        shown=options.neighbours or config.neighbours,
        scope=scope_of(options),
        on_step=lambda text: print(text, file=sys.stderr),
    )
    for name, choice in answer.choices.items():
        print(f"{name}: {choice}", file=sys.stderr)
    if options.format:
        sys.stdout.write(EXPORTS[options.format][0](answer))
        return
    print(answer.place)
    print(f"{answer.lat:.5f}, {answer.lon:.5f}")
    state = "calibrated" if answer.calibrated else "uncalibrated"
    print(f"within {answer.radius_km:,.0f} km: {answer.mass:.0%} of the distribution ({state})")
    if answer.prediction.searched and str(answer.prediction.searched):
        print(answer.prediction.searched)
    if answer.truth:
        print(f"the photo says {answer.truth.place}: the prediction is {answer.truth.error_km:,.1f} km off")
    if answer.synthetic:
        print("The gallery's photos are drawn: this answer means nothing for a real photo.")


def _fetch(options: argparse.Namespace) -> None:
    from tqdm import tqdm

    from geoloc_core import hub
    from geoloc_core.encoders.presets import PRESETS, hub_weights

    if not options.encoder:
        for preset in PRESETS.values():
            print(f"{preset.name:12} {preset.reason}")
        return
    weights = hub_weights(options.encoder)
    with tqdm(unit="B", unit_scale=True, desc=options.encoder) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        path = hub.fetch(weights, progress)
    print(path)


def _galleries(_: argparse.Namespace) -> None:
    from geoloc_core.gallery.catalogue import find_galleries
    from geoloc_core.settings import settings

    for listed in find_galleries(settings()):
        print(f"{listed.name:20} {listed.summary}")


if __name__ == "__main__":
    sys.exit(main())
