"""Where drawn signs stand: real towns with their neighbours, the towns of training apart from those of the test.

Half of the photos are taken where photos are taken, half in countries by a small power of how many live there.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cache
from random import Random

import numpy as np
from numpy.typing import NDArray

from geoloc_core.geo import EARTH_RADIUS_KM, Floats, destination, unit_vectors
from geoloc_core.places import gazetteer
from geoloc_core.signs.ground import ground
from index_builder.atlas.writing.tables import Forms, Town, forms, regional, towns

SPLITS = ("train", "test")
_TEST_SHARE = 0.3
_NEAR_KM = 120.0
_OWN_SCRIPT = 4.0  # towns whose names are typed in their own script are drawn this much more often


@dataclass(frozen=True)
class SignPlace:
    """A place in a town, and what its signs may name.

    Attributes:
        lat: degrees.
        lon: degrees.
        iso2: country, ISO 3166 alpha-2.
        town: name in the gazetteer.
        region: first-level region, or "".
        languages: of signs here, an often used one several times.
        neighbours: (name in the gazetteer, distance in km), towns of the same country, the best known first.
    """

    lat: float
    lon: float
    iso2: str
    town: str
    region: str
    languages: tuple[str, ...]
    neighbours: tuple[tuple[str, float], ...]

    @property
    def forms(self) -> Forms:
        """How its country writes things."""
        return forms()[self.iso2]

    @property
    def known(self) -> Town | None:
        """What is typed about the town, if anything is."""
        return towns().get((self.iso2, self.town))


@dataclass(frozen=True, eq=False)
class _World:
    names: list[str]
    regions: list[str | None]
    codes: list[str]
    points: Floats
    vectors: Floats
    population: Floats
    chance: dict[str, Floats]
    test: NDArray[np.bool_]


@cache
def _world() -> _World:
    all_ = gazetteer().towns
    names, codes = all_.names.to_pylist(), all_.countries.to_pylist()
    people = all_.population.astype(np.float64) + 300.0
    test = np.array([_is_test(f"{code}/{name}") for code, name in zip(codes, names, strict=True)])
    own = np.array([_OWN_SCRIPT if key in towns() else 1.0 for key in zip(codes, names, strict=True)])
    country, weight, photos = np.array(codes), np.zeros(len(codes)), ground().prior
    crowds = {code: people[country == code].sum() ** 0.4 for code in forms()}
    everywhere = sum(crowds.values())
    for code in sorted(forms()):
        mine = country == code
        if mine.any():
            share = people[mine] ** 0.7 * own[mine]
            weight[mine] = share / share.sum() * (photos[mine].sum() + crowds[code] / everywhere) / 2
    chance = {"train": weight * ~test, "test": weight * test}
    return _World(
        names,
        all_.regions.to_pylist(),
        codes,
        all_.points,
        unit_vectors(all_.points),
        people,
        {split: np.cumsum(of) / of.sum() for split, of in chance.items()},
        test,
    )


def _is_test(name: str) -> bool:
    return zlib.crc32(name.encode()) / 2**32 < _TEST_SHARE


def sign_places(n: int, seed: int, split: str) -> list[SignPlace]:
    """`n` places in towns of the whole world; no town is of both splits.

    Raises:
        ValueError: an unknown split; the known ones are `SPLITS`.
    """
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; use one of {', '.join(SPLITS)}")
    rng = Random(f"{seed}/{split}")
    chance = _world().chance[split]
    return [_place(int(np.searchsorted(chance, rng.random())), rng) for _ in range(n)]


def _place(row: int, rng: Random) -> SignPlace:
    world = _world()
    iso2, region = world.codes[row], world.regions[row] or ""
    km = min(6.0, 0.004 * world.population[row] ** 0.5) * rng.random()
    lat, lon = destination(world.points[row], 360.0 * rng.random(), km)
    return SignPlace(
        round(float(lat), 5),
        round(float(lon), 5),
        iso2,
        world.names[row],
        region,
        regional().get((iso2, region), forms()[iso2].languages),
        _neighbours(row),
    )


def _neighbours(row: int) -> tuple[tuple[str, float], ...]:
    world = _world()
    away = EARTH_RADIUS_KM * np.arccos(np.clip(world.vectors @ world.vectors[row], -1, 1))
    near = [i for i in np.flatnonzero((away > 2) & (away < _NEAR_KM)) if world.codes[i] == world.codes[row]]
    near.sort(key=lambda i: -(world.population[i] ** 0.5) / (away[i] + 5.0))
    return tuple((world.names[i], float(away[i])) for i in near[:8])
