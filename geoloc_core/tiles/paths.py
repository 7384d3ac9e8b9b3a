"""How the scores along a tile's path, from the first zoom down to it, are combined into one.

With c_1 ... c_n the cosines of photo and tile from the first zoom to the tile's, t the temperature (a factor, as CLIP's
logit scale is) and S a tile's 4 x 4 siblings, itself among them:

- `last`   t c_n                                      as published: only the tile's own cosine counts
- `mean`   t (c_1 + ... + c_n) / n                    their sum would order a zoom's tiles alike
- `chain`  sum over j of  t c_j - log sum_S exp(t c)   log p(tile): each zoom says where within the tile before it
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from geoloc_core.geo import Floats

Paths = Literal["last", "mean", "chain"]
PATHS: tuple[Paths, ...] = get_args(Paths)


def combine(
    by: Paths, cosines: Floats, before: Floats, siblings: NDArray[np.int64], depth: int, temperature: float
) -> Floats:
    """(n,) path scores of a zoom's tiles.

    Args:
        by: the formula.
        cosines: (n,) of the tiles.
        before: (n,) path scores of their parents; at the first zoom 0.
        siblings: (n,) which family each is of, from 0; at the first zoom all are of one.
        depth: zooms so far, this one included.
        temperature: t.
    """
    logits = temperature * np.asarray(cosines, dtype=np.float64)
    if by == "last":
        return logits
    if by == "mean":
        return before + (logits - before) / depth
    most = np.full(siblings.max(initial=-1) + 1, -np.inf)
    np.maximum.at(most, siblings, logits)
    total = np.bincount(siblings, np.exp(logits - most[siblings]))
    return before + logits - most[siblings] - np.log(total[siblings])
