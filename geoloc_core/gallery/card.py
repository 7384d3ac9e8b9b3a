"""Search with the float16 matrix on a GPU: it scores all rows and sends back the few that a second look must order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoloc_core.gallery.kernels import slack
from geoloc_core.gallery.search import Picked, Search

LONGEST = 2.0**15  # rows up to this length cannot overflow a float16 score
_SPARE = 1.25  # of the matrix's bytes must be free: scores, and what encoders need meanwhile


def choose_card(size: int) -> tuple[str, str]:
    """The torch device for a matrix of `size` bytes, or "", and the reason."""
    import torch

    if not torch.cuda.is_available():
        return "", "there is no CUDA device"
    free = torch.cuda.mem_get_info()[0]
    if free < _SPARE * size:
        return "", f"the GPU has {free / 1e9:.1f} GB free, the vectors need {_SPARE * size / 1e9:.1f} GB"
    return "cuda", f"the vectors take {size / 1e9:.1f} of the GPU's {free / 1e9:.1f} GB free"


class Card:
    """The rows of consecutive (n_i, d) shards on a torch device; `longest` is the length of the longest row."""

    def __init__(self, shards: Sequence[NDArray[np.float16]], device: str, longest: float) -> None:
        import torch

        self._torch, self._longest = torch, longest
        # The bound on the error needs sums in float32; cuBLAS may otherwise add partial sums in float16.
        torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
        count, dim = sum(len(shard) for shard in shards), shards[0].shape[1]
        self._matrix = torch.empty(count, dim, dtype=torch.float16, device=device)
        first = 0
        for shard in shards:
            self._matrix[first : first + len(shard)] = torch.from_numpy(shard)
            first += len(shard)

    def show(self, searches: Sequence[Search]) -> None:
        """Show each search the rows that can be among its k."""
        for search in searches:
            self._show(search)

    def _show(self, search: Search) -> None:
        torch, device = self._torch, self._matrix.device
        scale = min(1.0, LONGEST / self._longest)  # keeps scores of unusually long rows within float16
        exact = search.scaled * scale
        used = exact.astype(np.float16)
        most = slack(exact, used, half=True) * self._longest
        scores = (self._matrix @ torch.from_numpy(used).to(device)).float()
        allowed = None if search.allowed is None else torch.from_numpy(search.allowed).to(device)
        near, far = (self._pick(scores, allowed, search.k, most, sign) for sign in (1, -1))
        search.add_picked(near, far, most)

    def _pick(self, scores: Any, allowed: Any, k: int, most: float, sign: int) -> Picked:
        keyed = sign * scores
        if allowed is not None:
            keyed = keyed.masked_fill(~allowed, -np.inf)
        edge = float(keyed.topk(min(k, len(keyed))).values[-1]) - 2 * most
        least = max(float(np.nextafter(np.float32(edge), np.float32(-np.inf))), float(np.finfo(np.float32).min))
        rows = self._torch.nonzero(keyed >= least)[:, 0]
        return rows.cpu().numpy(), scores[rows].cpu().numpy()
