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


def stretched(values: Sequence[float], most: int, width: int) -> list[float]:
    """The values as wide as `width` would be filled by `most` of them; the newest at the right."""
    n_shown = max(0, round(len(values) * width / most))
    return [values[column * len(values) // n_shown] for column in range(n_shown)]


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


_BRAILLE = 0x2800
_DOTS = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
"""Of a braille character's left and right column, from the bottom up."""
_DOT_ROWS = 4
_DOT_COLUMNS = 2

PlotCell = tuple[str, int | None]
"""A character, and the number of the series that it shows; None for the ground."""


def curves(
    series: Sequence[Sequence[float | None]], width: int, height: int, *, top: float
) -> list[list[PlotCell]]:
    """Rows of cells with a line for each series, the newest value at the right.

    Values lie side by side two in a cell; where two series meet in a cell the later one shows.
    None leaves a gap. `top` is the value at the upper edge.
    """
    dots = [[0] * width for _ in range(height)]
    owners: list[list[int | None]] = [[None] * width for _ in range(height)]
    n_columns = width * _DOT_COLUMNS
    for number, values in enumerate(series):
        shown = list(values[-n_columns:]) if n_columns else []
        before: int | None = None
        for column, value in enumerate(shown, n_columns - len(shown)):
            level = None if value is None else _level(value, height, top)
            for dot in _between(before, level):
                row, cell = height - 1 - dot // _DOT_ROWS, column // _DOT_COLUMNS
                dots[row][cell] |= _DOTS[column % _DOT_COLUMNS][dot % _DOT_ROWS]
                owners[row][cell] = number
            before = level
    return [
        [(chr(_BRAILLE + dot) if dot else " ", owner) for dot, owner in zip(*row, strict=True)]
        for row in zip(dots, owners, strict=True)
    ]


def spans(
    values: Sequence[tuple[float, float, float]],
    width: int,
    height: int,
    *,
    bottom: float,
    top: float,
) -> list[str]:
    """Lines with a dot for each value within its interval (low, value, high), newest at the right.

    Every value has a column, with gaps between them as wide as there is room for. `bottom` and
    `top` are the values at the edges.
    """
    step = max(1, min(4, width // max(1, len(values))))
    shown = list(values[-(width // step) :]) if width > 0 and height > 0 else []
    rows = [[" "] * width for _ in range(height)]
    for number, span in enumerate(shown):
        column = width - 1 - (len(shown) - 1 - number) * step
        low, middle, high = (_row(value - bottom, height, top - bottom) for value in span)
        for level in range(low, high + 1):
            rows[height - 1 - level][column] = "│"
        rows[height - 1 - middle][column] = "●"
    return ["".join(row) for row in rows]


def whisker(low: float, value: float, high: float, width: int, *, reach: float) -> str:
    """An interval around its value on a line from -`reach` to `reach`, zero marked: ├──●─┤."""
    line = [" "] * width
    line[_place(0.0, width, reach)] = "┊"
    begin, end = _place(low, width, reach), _place(high, width, reach)
    for column in range(begin, end + 1):
        line[column] = "─"
    line[begin], line[end] = "├", "┤"
    line[_place(value, width, reach)] = "●"
    return "".join(line)


def thinned(values: Sequence[float | None], most: int) -> list[float | None]:
    """At most so many of the values, evenly chosen, the last one among them."""
    if len(values) <= most:
        return list(values)
    return [values[(number + 1) * len(values) // most - 1] for number in range(most)]


def _between(before: int | None, level: int | None) -> range:
    """The dots that lead from one level to the next."""
    if level is None:
        return range(0)
    if before is None or before == level:
        return range(level, level + 1)
    return range(before + 1, level + 1) if before < level else range(level, before)


def _level(value: float, height: int, top: float) -> int:
    most = height * _DOT_ROWS - 1
    return round(min(max(value / top, 0.0), 1.0) * most) if top > 0 else 0


def _row(value: float, height: int, top: float) -> int:
    return round(min(max(value / top, 0.0), 1.0) * (height - 1)) if top > 0 else 0


def _place(value: float, width: int, reach: float) -> int:
    share = (min(max(value, -reach), reach) + reach) / (2 * reach) if reach > 0 else 0.5
    return round(share * (width - 1))
