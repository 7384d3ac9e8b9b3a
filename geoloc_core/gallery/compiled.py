"""The loops over float16 rows that numba compiles: a row is read once, widened in registers and summed in float32.

Importing this compiles them for the processor at hand, in about half a second. They let go of Python's lock, so threads
run side by side. Sums may be taken in any order, which `kernels.slack` allows for.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_HALVES = types.Array(types.uint16, 2, "C", readonly=True)
_SINGLES = types.Array(types.float32, 2, "C", readonly=True)
_FLAGS = types.Array(types.boolean, 1, "C", readonly=True)
_LOOP = {"nogil": True, "fastmath": {"reassoc", "contract", "nsz"}}  # numbers that are none stay so


@intrinsic
def _widened(_: Any, __: Any) -> Any:
    """The float32 of a float16 given by its bits: one instruction, which numba has no name for."""

    def code(_: Any, builder: ir.IRBuilder, __: Any, arguments: list[ir.Value]) -> ir.Value:
        return builder.fpext(builder.bitcast(arguments[0], ir.HalfType()), ir.FloatType())

    return types.float32(types.uint16), code


@numba.njit(types.void(_HALVES, _SINGLES, _FLAGS, types.float32[:, :]), **_LOOP)
def score(rows: np.ndarray, queries: np.ndarray, wanted: np.ndarray, scores: np.ndarray) -> None:
    """Write the inner products of (n, d) rows and (m, d) queries to (m, n) scores, for the (n,) rows wanted."""
    for i in range(len(rows)):
        if wanted[i]:
            for m in range(len(queries)):
                total = np.float32(0)
                for j in range(rows.shape[1]):
                    total += _widened(rows[i, j]) * queries[m, j]
                scores[m, i] = total


@numba.njit(types.float32(_HALVES), **_LOOP)
def most_squared(rows: np.ndarray) -> np.float32:
    """The largest sum of squares of (n, d) rows; not finite if any of their numbers is not."""
    most = np.float32(0)
    for i in range(len(rows)):
        total = np.float32(0)
        for j in range(rows.shape[1]):
            total += _widened(rows[i, j]) * _widened(rows[i, j])
        if total > most or total != total:
            most = total
    return most


@numba.njit(types.void(_HALVES, types.float32[:, ::1]), **_LOOP)
def widen(rows: np.ndarray, singles: np.ndarray) -> None:
    """Write (n, d) rows as float32."""
    for i in range(len(rows)):
        for j in range(rows.shape[1]):
            singles[i, j] = _widened(rows[i, j])


@numba.njit(
    types.void(_HALVES, types.float32[::1], types.float32[::1], types.int8[:, ::1], types.float32[::1]), **_LOOP
)
def encode(rows: np.ndarray, centre: np.ndarray, step: np.ndarray, codes: np.ndarray, lost: np.ndarray) -> None:
    """Write (n, d) rows as int8 multiples of (d,) steps from (d,) centres, and the (n,) length of what each loses."""
    for i in range(len(rows)):
        total = np.float32(0)
        for j in range(rows.shape[1]):
            number = _widened(rows[i, j]) - centre[j]
            code = np.floor(min(max(number / step[j], np.float32(-127)), np.float32(127)) + np.float32(0.5))
            codes[i, j] = np.int8(code)
            total += (number - step[j] * code) ** 2
        lost[i] = np.sqrt(total)


@numba.njit(
    types.void(
        types.int8[:, ::1], types.float32[::1], types.int16[::1], types.float64, types.float64, types.float64,
        _FLAGS, types.float32[::1], types.float32[::1],
    ),
    nogil=True,
)  # fmt: skip
def score_codes(
    codes: np.ndarray, lost: np.ndarray, weights: np.ndarray, base: float, unit: float, length: float,
    wanted: np.ndarray, low: np.ndarray, high: np.ndarray,
) -> None:  # fmt: skip
    """Write between which numbers the inner products lie of rows coded by `encode` and a query of that length.

    The query's numbers times the steps are (d,) int16 multiples of `unit`; `base` is its product with the centres.
    """
    totals = np.zeros(len(codes), np.int32)  # a loop of their own: beside the floats below, it would not be vectorised
    for i in range(len(codes)):
        if wanted[i]:
            total = np.int32(0)
            for j in range(codes.shape[1]):
                total += np.int32(codes[i, j]) * np.int32(weights[j])
            totals[i] = total
    for i in range(len(codes)):
        middle, off = base + unit * totals[i], length * lost[i]
        low[i] = middle - off
        high[i] = middle + off
