"""Numbers drawn with block characters. Text only: no colour, no widget."""

from collections.abc import Sequence

_EIGHTHS_UP = " ▁▂▃▄▅▆▇█"
_EIGHTHS_RIGHT = " ▏▎▍▌▋▊▉█"
_STEPS = 8


def meter(share: float, width: int) -> str:
    """A bar of `width` cells, filled from the left to an eighth of a cell."""
    filled = round(min(max(share, 0.0), 1.0) * width * _STEPS)
    whole, rest = divmod(filled, _STEPS)
    bar = _EIGHTHS_RIGHT[-1] * whole + (_EIGHTHS_RIGHT[rest] if rest else "")
    return bar.ljust(width)


def columns(values: Sequence[float], width: int, height: int, *, top: float) -> list[str]:
    """Lines of a bar chart, the newest value at the right; a value above zero is never invisible.

    `top` is the value of a full column.
    """
    shown = list(values[-width:]) if width > 0 else []
    tall = [_eighths(value, height, top) for value in shown]
    rows = []
    for row in range(height - 1, -1, -1):
        cells = (min(max(eighths - row * _STEPS, 0), _STEPS) for eighths in tall)
        rows.append("".join(_EIGHTHS_UP[cell] for cell in cells).rjust(width))
    return rows


def ceiling(values: Sequence[float], *, at_least: float) -> float:
    """A round number that no value exceeds: 1, 2 or 5 times a power of ten."""
    highest = max([at_least, *values])
    power = 1.0
    while power * 10 <= highest:
        power *= 10
    return next(power * step for step in (1, 2, 5, 10) if power * step >= highest)


def _eighths(value: float, height: int, top: float) -> int:
    if value <= 0 or top <= 0:
        return 0
    return max(1, round(min(value / top, 1.0) * height * _STEPS))
