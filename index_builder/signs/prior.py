"""Builds assets/signs/photos.parquet: how many photos that people share were taken nearest to each town.

The 100,000 locations that the `geoclip` package ships as its gallery (MIT) follow where the photos of MP-16 were taken,
which are Flickr's. Counted by the nearest town of the same country they say where photos come from, as no count of
inhabitants can. Run again whenever assets/places changes:

    python -m index_builder.signs.prior
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from geoloc_core.files import replacing
from geoloc_core.paths import ASSETS
from geoloc_core.places import gazetteer
from index_builder.geoclip.coordinates import packaged

OUT = ASSETS / "signs" / "photos.parquet"


def build(out: Path = OUT) -> None:
    """Write the counts, row i for town i of `assets/places`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = gazetteer().nearest_towns(packaged().points)
    photos = np.bincount(rows[rows >= 0], minlength=len(gazetteer().towns.points))
    with replacing(out) as file:
        pq.write_table(pa.table({"photos": pa.array(photos, pa.uint16())}), file, compression="zstd")


if __name__ == "__main__":
    build()
