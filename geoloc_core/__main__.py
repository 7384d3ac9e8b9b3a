"""The command line: `python -m geoloc_core locate PHOTO`, `fetch`, `galleries`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from geoloc_core import cell_options, predictors, tile_options
from geoloc_core.cell_options import add_translocator, translocator_of
from geoloc_core.console import harmless, run
from geoloc_core.errors import GeolocError
from geoloc_core.limits import add_scope, scope_of
from geoloc_core.lmm.options import add_lmm, before_sending, img2loc_of, in_words, show_unanswered
from geoloc_core.signs.options import add_signs, corrects, signs_of
from geoloc_core.tile_options import add_tiles, tiles_of

if TYPE_CHECKING:
    from geoloc_core.answer import Answer
    from geoloc_core.gallery import Gallery
    from geoloc_core.prediction import Predictor, Query
    from geoloc_core.predictors.img2loc import Img2Loc


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
    locate.add_argument(
        "--predictor",
        choices=predictors.names(),
        help="knn: the most similar photos vote; img2loc: a model is asked, given their places; "
        "geoclip: places themselves are compared with the photo; signs: what is written in the photo decides, without "
        "a gallery; translocator: a classifier tells which geo-cell it is of, without a gallery; tiles: map tiles are "
        "compared with it, zoom by zoom (default: geoclip if the gallery is of locations, else knn)",
    )
    locate.add_argument("--no-refine", action="store_true", help="geoclip: only the gallery's own locations")
    locate.add_argument("--ten-crop", action="store_true", help="geoclip: average ten views of the photo")
    add_signs(locate)
    add_translocator(locate)
    add_tiles(locate)
    add_scope(locate)
    add_lmm(locate)
    formats = locate.add_mutually_exclusive_group()
    for name in ("json", "geojson", "kml"):
        formats.add_argument(f"--{name}", dest="format", action="store_const", const=name, help=f"print {name}")
    locate.set_defaults(run=_locate)

    fetch = commands.add_parser("fetch", help="download the weights of an encoder, a segmenter or a multimodal model")
    fetch.add_argument(
        "what",
        nargs="?",
        metavar="WHAT",
        help="an encoder's preset, segformer-b0 to -b5 or segmenter:HUBNAME, or llava:HUBNAME; without it, the presets "
        "are listed",
    )
    fetch.set_defaults(run=_fetch)

    galleries = commands.add_parser("galleries", help="list the galleries on this machine")
    galleries.set_defaults(run=_galleries)
    return parser


def _locate(options: argparse.Namespace) -> int:
    from geoloc_core.gallery import Gallery
    from geoloc_core.gallery.catalogue import choose, choose_locations
    from geoloc_core.lmm.unanswered import Unanswered
    from geoloc_core.locate import locate_query
    from geoloc_core.photo import WORKING_SIDE, PhotoLimits, open_photo
    from geoloc_core.prediction import Query
    from geoloc_core.settings import settings

    _check(options)
    config = settings()
    photo = open_photo(options.photo, PhotoLimits(config.max_photo_bytes, config.max_photo_pixels), WORKING_SIDE)
    query = Query(photo, lambda text: print(text, file=sys.stderr), scope_of(options))
    if options.predictor == "tiles":
        with tiles_of(options, config) as walking:
            _print(locate_query(query, walking), options.format)
        return 0
    if alone := _alone(options, query):
        _print(locate_query(query, alone), options.format)
        return 0
    path, choice = (choose_locations if options.predictor == "geoclip" else choose)(options.gallery, config)
    print(f"gallery: {choice}", file=sys.stderr)
    gallery, shown = Gallery.open(path), options.neighbours or config.neighbours
    if options.predictor != "img2loc":
        _print(locate_query(query, _searching(options, gallery, shown), gallery), options.format)
        return 0
    try:
        _ask(options, query, img2loc_of(options, config, gallery, shown))
    except Unanswered as error:
        show_unanswered(error, as_json=options.format == "json")
        return 1
    return 0


def _check(options: argparse.Namespace) -> None:
    """Refuse options of a predictor that is not the one asked for."""
    theirs = {
        "img2loc": ("asks a model", options.lmm or options.show_prompt),
        "geoclip": ("refines and crops", options.no_refine or options.ten_crop),
        "signs": ("reads what is written", corrects(options)),
        "translocator": ("tells cells apart", cell_options.asked(options)),
        "tiles": ("walks down map tiles", tile_options.asked(options)),
    }
    for name, (does, asked) in theirs.items():
        if asked and options.predictor != name:
            raise GeolocError(f"Only {name} {does}. Add --predictor {name}, or leave out the options about that.")
    if options.predictor == "signs" and options.gallery:
        raise GeolocError("signs searches no gallery. Leave out --gallery, or choose another predictor.")
    if options.predictor == "translocator" and options.gallery and not options.refine:
        raise GeolocError("translocator searches a gallery only with --refine. Add it, or leave out --gallery.")
    if options.predictor == "tiles" and options.gallery and options.beside not in tile_options.SEARCHING:
        raise GeolocError("tiles searches a gallery only with --beside geoclip or knn. Add it, or leave out --gallery.")


def _alone(options: argparse.Namespace, query: Query) -> Predictor | None:
    """The predictor asked for, if it needs nothing but the photo."""
    if options.predictor == "signs":
        return signs_of(options, query)
    if options.predictor == "translocator" and not options.refine:
        return _translocator(options, None)
    return None


def _searching(options: argparse.Namespace, gallery: Gallery, shown: int) -> Predictor:
    """The predictor that searches a gallery: the one asked for, or the one the gallery calls for."""
    from geoloc_core.locate import encoder_of
    from geoloc_core.predictors.knn import Knn

    if options.predictor == "geoclip":
        return _geoclip(options, gallery, shown)
    if options.predictor == "translocator":
        return _translocator(options, gallery, shown)
    if options.predictor == "knn":
        return Knn(gallery, encoder_of(gallery), shown=shown)
    return predictors.for_gallery(gallery, encoder_of(gallery), shown=shown)


def _geoclip(options: argparse.Namespace, gallery: Gallery, shown: int) -> Predictor:
    from geoloc_core.locate import encoder_of
    from geoloc_core.predictors.geoclip import GeoClipPredictor

    encoder = encoder_of(gallery)
    refine, ten_crop = not options.no_refine, options.ten_crop
    predictor = GeoClipPredictor(gallery, encoder, refine=refine, ten_crop=ten_crop, shown=shown)
    if not (ready := predictor.availability()):
        raise GeolocError(f"{ready.reason} {ready.remedy}")
    return predictor


def _translocator(options: argparse.Namespace, gallery: Gallery | None, shown: int = 0) -> Predictor:
    predictor, choice = translocator_of(options, gallery, shown)
    print(f"model: {harmless(str(choice))}", file=sys.stderr)
    return predictor


def _ask(options: argparse.Namespace, query: Query, predictor: Img2Loc) -> None:
    from geoloc_core.locate import locate_query

    ask = predictor.ask_for(query)
    if options.show_prompt:
        print(ask.prompt)
        print(f"{before_sending(predictor, ask)} Nothing has been sent.", file=sys.stderr)
        return
    if not (ready := predictor.availability()):
        raise GeolocError(f"{ready.reason} {ready.remedy}")
    print(before_sending(predictor, ask), file=sys.stderr)
    try:
        answer = locate_query(query, predictor, predictor.gallery)
    except KeyboardInterrupt:
        predictor.watch.cancelled.set()
        raise
    _print(answer, options.format)


def _print(answer: Answer, form: str | None) -> None:
    from geoloc_core.export import EXPORTS
    from geoloc_core.signs.record import in_words as read_in_words
    from geoloc_core.tiles.record import in_words as walk_in_words
    from geoloc_core.translocator.record import in_words as cells_in_words

    for name, choice in answer.choices.items():
        print(f"{name}: {harmless(str(choice))}", file=sys.stderr)
    if form:
        sys.stdout.write(EXPORTS[form][0](answer))
        return
    signs, classified = answer.prediction.signs, answer.prediction.classified
    print(signs.headline if signs and signs.silent else answer.place)
    print(f"{answer.lat:.5f}, {answer.lon:.5f}")
    state = "calibrated" if answer.calibrated else "uncalibrated"
    print(f"within {answer.radius_km:,.0f} km: {answer.mass:.0%} of the distribution ({state})")
    if answer.prediction.searched and str(answer.prediction.searched):
        print(answer.prediction.searched)
    if answer.prediction.account:
        print(in_words(answer.prediction.account))
    if signs and (read := read_in_words(signs)):
        print(harmless(read))
    if classified:
        print(cells_in_words(classified))
    if answer.prediction.walked:
        print(harmless(walk_in_words(answer.prediction.walked)))
    if answer.truth:
        print(f"the photo says {answer.truth.place}: the prediction is {answer.truth.error_km:,.1f} km off")
    if answer.synthetic:
        whose = (
            "The model learned from drawn photos" if answer.prediction.synthetic else "The gallery's photos are drawn"
        )
        print(f"{whose}: this answer means nothing for a real photo.")


def _fetch(options: argparse.Namespace) -> None:
    from tqdm import tqdm

    from geoloc_core import hub
    from geoloc_core.encoders.presets import PRESETS, hub_weights
    from geoloc_core.lmm.local.checkpoint import FETCH_PREFIX
    from geoloc_core.segmentation.names import REPOS, repo_to_fetch

    if not options.what:
        for preset in PRESETS.values():
            print(f"{preset.name:16} {preset.reason}")
        for name, repo in REPOS.items():
            print(f"{name:16} Labels the pixels of photos ({repo}); NVIDIA's licence: research and evaluation only.")
        return
    segmenter = repo_to_fetch(options.what)
    model = segmenter or (options.what.removeprefix(FETCH_PREFIX) if options.what.startswith(FETCH_PREFIX) else "")
    weights = None if model else hub_weights(options.what)
    if options.what in PRESETS and PRESETS[options.what].base and not _lacks_base(options.what):
        return
    with tqdm(unit="B", unit_scale=True, desc=options.what) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        path = hub.fetch(weights, progress) if weights else hub.fetch_repo(model, progress, pickled=bool(segmenter))
    print(path)


def _lacks_base(name: str) -> bool:
    """Whether an encoder that builds on another can use a download: its own part is here, and the other's is not."""
    from geoloc_core.encoders import create
    from geoloc_core.geoclip import open_geoclip

    if not (own := open_geoclip(name).availability()):
        raise GeolocError(f"{own.reason} {own.remedy}")
    if ready := create(name).availability():
        print(f"nothing is missing: {ready.reason}")
    return not ready


def _galleries(_: argparse.Namespace) -> None:
    from geoloc_core.gallery.catalogue import find_galleries
    from geoloc_core.settings import settings

    for listed in find_galleries(settings()):
        print(f"{listed.name:20} {listed.summary}")


if __name__ == "__main__":
    sys.exit(main())
