"""In-batch contrast of photos and tiles: each photo's tile among those of the batch. Imports torch.

Source: Kim, Jang and Kim, section 3.2: cosines of a photo with the tiles of its batch, a softmax, cross-entropy.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import distributed
from torch.nn import functional as F


def contrast(
    photos: torch.Tensor, tiles: torch.Tensor, kinds: torch.Tensor, temperature: float, *, both: bool = False
) -> torch.Tensor:
    """(n,) losses: -log of the share that a photo's own tile has in the softmax.

    Another photo's tile that shows the same picture is no wrong answer, and left out of the sum.

    Args:
        photos: (n, d) unit rows.
        tiles: (n, d) unit rows, the i-th photo's i-th.
        kinds: (n,) equal for tiles of the same picture.
        temperature: the factor before cosines.
        both: the mean with each tile's own photo among those of the batch, as CLIP itself was trained.
    """
    own = torch.arange(len(photos), device=photos.device)
    false = (kinds[:, None] == kinds) & (own[:, None] != own)
    logits = (temperature * photos @ tiles.T).masked_fill(false, -torch.inf)
    losses = F.cross_entropy(logits, own, reduction="none")
    if both:
        losses = (losses + F.cross_entropy(logits.T, own, reduction="none")) / 2
    return losses


def among_all(own: torch.Tensor, count: int) -> tuple[torch.Tensor, slice]:
    """(count, d) the rows of all processes, in the batch's order, and where one's own are.

    Only one's own have a gradient. If every process takes its gradient from the loss of all `count` rows, the sum of
    theirs is the gradient of that loss.

    Args:
        own: (m, d), this process's share as `training.order.shares` deals it.
        count: of all processes together.
    """
    if not distributed.is_initialized():
        return own, slice(0, count)
    ends = np.cumsum([0, *(len(part) for part in np.array_split(np.arange(count), distributed.get_world_size()))])
    sizes = np.diff(ends).tolist()
    padded = F.pad(own.detach(), (0, 0, 0, sizes[0] - len(own))).contiguous()
    parts = [torch.empty_like(padded) for _ in sizes]
    distributed.all_gather(parts, padded)
    rank = distributed.get_rank()
    rows = [
        own if number == rank else part[:size] for number, (part, size) in enumerate(zip(parts, sizes, strict=True))
    ]
    return torch.cat(rows), slice(int(ends[rank]), int(ends[rank + 1]))
