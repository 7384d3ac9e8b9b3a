"""Geo-cells on a map: the right ones, coloured by probability, whole across the antimeridian and at the poles; safe."""

from __future__ import annotations

import re

import numpy as np
import pytest
import s2cell

from geoloc_core.cells import Level, Partition
from geoloc_core.geo import distance_km
from geoloc_core.maps import CellsView, cell_layer, cells_map
from tests.make_cells import of_tokens, small_partition
from tests.test_maps import ALL, HOSTILE, calls, inside, render


@pytest.fixture(scope="module")
def partition() -> Partition:
    return small_partition()


def view_of(level: Level, best: int = 0, **others: object) -> CellsView:
    """Probability falls by half from cell to cell by distance from the best one."""
    rank = np.argsort(np.argsort(distance_km(level.points[best], level.points)))
    mass = 0.5 ** (rank + 1.0)
    lat, lon = level.points[best]
    return CellsView(level, mass, float(lat), float(lon), **{"title": "Somewhere", **others})


def test_the_likeliest_is_the_deepest_and_drawn_last(partition):
    level = partition.level("fine")
    cells = calls(render(cells_map(view_of(level, 3))))["cells"]["cells"]
    strengths = [cell["strength"] for cell in cells]
    assert strengths == sorted(strengths) and strengths[-1] == 1 and strengths[-2] == 0.5
    assert cells[-1]["title"] == "50.0 %" and cells[-2]["title"] == "25.0 %" and cells[0]["title"] == "< 0.1 %"
    assert level.tokens[3] in cells[-1]["lines"][1]
    assert inside((level.points[3, 0], level.points[3, 1]), (np.array(cells[-1]["line"]),))


def test_cells_near_the_guess_and_the_likeliest_anywhere():
    rng = np.random.default_rng(0)
    ids = np.unique([s2cell.lat_lon_to_cell_id(*p, 8) for p in rng.uniform((-70, -179), (70, 179), (400, 2)).tolist()])
    points = np.array([s2cell.cell_id_to_lat_lon(int(cell)) for cell in ids])
    level = Level("fine", ids.astype(np.uint64), points, np.full(len(ids), 60))
    mass = np.zeros(len(level))
    far = int(np.argmax(distance_km((50, 10), points)))
    mass[far] = 1.0
    drawn = calls(render(cells_map(CellsView(level, mass, 50, 10, "Guess"))))["cells"]["cells"]
    assert 121 <= len(drawn) <= 140, "120 near ones and up to 20 likely ones"
    assert level.tokens[far] in drawn[-1]["lines"][1]
    nearest = {level.tokens[i] for i in np.argsort(distance_km((50, 10), points))[:120]}
    assert nearest <= {cell["lines"][1].split()[2].rstrip(",") for cell in drawn}


@pytest.mark.parametrize("text", [*HOSTILE, ALL])
def test_text_is_never_code(partition, text):
    view = view_of(partition.level("coarse"), title=text, lines=(text,), truth=(1.0, 2.0), truth_title=text)
    html = render(cells_map(view))
    scripts = "".join(re.findall(r"<script>(.*?)</script>", html, re.DOTALL))
    found = re.findall(r"^GeolocMap\.\w+\(map_\w+, (.*)\);$", scripts, re.MULTILINE)
    assert len(found) >= 6
    for options in found:
        strings = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', options))
        assert not set("{}<>&`$'%#_") & set(strings) and strings.isascii() and strings.isprintable()


def test_same_input_same_output_and_no_other_host(partition):
    view = view_of(partition.level("middle"))
    assert render(cells_map(view, "dark")) == render(cells_map(view, "dark"))
    assert not re.findall(r"https?://|//\w+\.\w+", render(cells_map(view)))
    assert cell_layer(view).literal == cell_layer(view_of(partition.level("middle"))).literal


def test_fiji_is_in_one_piece_and_the_first_view_narrow():
    tokens = [s2cell.lat_lon_to_token(lat, lon, 5) for lat, lon in ((-17.0, 179.5), (-17.0, -178.0), (-13.8, -172.0))]
    level = of_tokens(tokens=tokens)
    options = calls(render(cells_map(CellsView(level, np.ones(3), -17.0, 179.5, "Fiji"))))
    for cell in options["cells"]["cells"]:
        lon = np.array(cell["line"])[:, 1]
        assert np.ptp(lon) < 5 and 175 < lon.mean() < 192
    (_, west), (_, east) = options["fit"]["bounds"]
    assert east - west < 15


def test_cells_at_the_pole_reach_it():
    tokens = [s2cell.lat_lon_to_token(89.0, lon, 4) for lon in (45, 135, -45, -135)]
    level = of_tokens(tokens=tokens)
    cells = calls(render(cells_map(CellsView(level, np.ones(4), 89.0, 45.0, "Ice"))))["cells"]["cells"]
    assert len(cells) == 4 and all(np.array(cell["line"])[:, 0].max() == 90 for cell in cells)


def test_no_probability_at_all_is_drawn_pale(partition):
    level = partition.level("coarse")
    cells = calls(render(cells_map(CellsView(level, np.zeros(len(level)), 1, 2, "x"))))["cells"]["cells"]
    assert {cell["strength"] for cell in cells} == {0} and {cell["title"] for cell in cells} == {"0.0 %"}


@pytest.mark.parametrize("mass", [np.ones(3), np.full(6, np.nan), np.full(6, -1.0), np.ones((6, 1))])
def test_one_probability_a_cell(mass):
    with pytest.raises(ValueError, match="each of the 6 cells"):
        CellsView(of_tokens(), mass, 0, 0, "x")
