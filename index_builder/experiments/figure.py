"""Training curves as one SVG file of lines and words, readable on light and dark ground."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from index_builder.experiments.systems import Epoch

_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 330, 240, 48, 34, 62
_COLOURS = ("#3b82c4", "#d9822b", "#2f9e6e", "#c2528b", "#8a6fd1", "#b59a00", "#35a5b0", "#c8503c", "#7f8a94")
_DASHES = ("", "6 3", "2 3")
_STYLE = """text{font:12px system-ui,sans-serif;fill:#33383d}.t{font-weight:600}.n{font-size:11px;fill:#6b7278}
.g{stroke:#d7dce0}.l{fill:none;stroke-width:1.8;stroke-linejoin:round}
@media(prefers-color-scheme:dark){text{fill:#d8dde2}.n{fill:#98a1a9}.g{stroke:#3c434a}}"""

Curves = Mapping[str, Sequence[Epoch]]


def curves_svg(curves: Curves, figure: str) -> str:
    """Two panels by epoch, the training loss and a figure such as `a_750` on the validation photos, a line a system."""
    losses = {name: [(e.number, e.loss) for e in curve] for name, curve in curves.items()}
    shares = {
        name: [(e.number, e.validation[figure]) for e in curve if figure in e.validation]
        for name, curve in curves.items()
    }
    second = _LEFT + _WIDTH + _GAP
    height = max(_TOP + _HEIGHT + 44, _TOP + 20 * len(curves) + 10)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {second + _WIDTH + 290} {height}" role="img">',
        "<title>Training loss and validation accuracy by epoch</title>",
        f"<style>{_STYLE}</style>",
        _panel(_LEFT, "Training loss of the finest cells", losses),
        _panel(second, _title(figure), shares),
        _legend(second + _WIDTH + 24, list(curves)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _title(figure: str) -> str:
    radius = figure.removeprefix("a_")
    return (
        "Validation photos, mean of the five a_r, %" if radius == "mean" else f"Validation photos within {radius} km, %"
    )


def _panel(left: int, title: str, lines: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    points = [point for line in lines.values() for point in line]
    parts = [f'<text class="t" x="{left}" y="{_TOP - 16}">{escape(title)}</text>']
    if not points:
        return parts[0]
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    ticks = _ticks(min(y for _, y in points), max(y for _, y in points))
    low, high = ticks[0], ticks[-1]

    def at(x: float, y: float) -> tuple[float, float]:
        along = (x - first) / ((last - first) or 1)
        return left + along * _WIDTH, _TOP + _HEIGHT * (1 - (y - low) / (high - low))

    for tick in ticks:
        y = at(first, tick)[1]
        parts.append(f'<path class="g" d="M{left} {y:.1f}h{_WIDTH}"/>')
        parts.append(f'<text class="n" x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for x in sorted({first, (first + last) // 2, last}):
        parts.append(
            f'<text class="n" x="{at(x, low)[0]:.1f}" y="{_TOP + _HEIGHT + 18}" text-anchor="middle">{x}</text>'
        )
    parts.append(f'<text class="n" x="{left + _WIDTH / 2}" y="{_TOP + _HEIGHT + 36}" text-anchor="middle">epoch</text>')
    for number, line in enumerate(lines.values()):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in line))
        parts.append(f'<polyline class="l" {_stroke(number)} points="{path}"/>')
    return "\n".join(parts)


def _legend(left: int, names: Sequence[str]) -> str:
    parts = []
    for number, name in enumerate(names):
        y = _TOP + 6 + 20 * number
        parts.append(f'<path class="l" {_stroke(number)} d="M{left} {y}h26"/>')
        parts.append(f'<text x="{left + 34}" y="{y + 4}">{escape(name)}</text>')
    return "\n".join(parts)


def _stroke(number: int) -> str:
    dashes = _DASHES[number // len(_COLOURS) % len(_DASHES)]
    return f'stroke="{_COLOURS[number % len(_COLOURS)]}"' + (f' stroke-dasharray="{dashes}"' if dashes else "")


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from below `low` to above `high`, four to eight of them."""
    span = max(high - low, 1e-3)
    step = 10.0 ** len(f"{int(span)}")
    while span / step < 4:
        step /= 2 if f"{step:e}".startswith("1") else 2.5 if f"{step:e}".startswith("5") else 2
    first = int(low // step)
    count = int(-(-(high - first * step) // step))
    return [round((first + k) * step, 10) for k in range(max(count, 1) + 1)]
