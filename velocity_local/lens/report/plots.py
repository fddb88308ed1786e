"""Plots as inline SVG: curves, dots with whiskers, and heat maps. Knows nothing of runs.

Colours come from the page's style, eight that colour-blind readers tell apart (Okabe and Ito,
"Color Universal Design", 2008); lines also differ by their dashes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from velocity_local.lens.report.markup import Markup, element
from velocity_local.lens.report.scales import Scale

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 28, 12, 44
N_COLOURS = 8
_DASHES = (None, "7 4", "2 3")
_ROW_HEIGHT = 40
_HEAD, _TAIL = 14, 28

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Curve:
    """A named line through points, in data's units. Lines of one colour differ by their dashes."""

    name: str
    points: tuple[Point, ...]
    colour: int
    has_dots: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis: what it shows, in which unit, and how."""

    name: str
    scale: Scale


@dataclass(frozen=True, slots=True)
class Whisker:
    """A value with its interval, on a row of its own."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    colour: int = 0


def curves(title: str, summary: str, lines: Sequence[Curve], x: Axis, y: Axis) -> Markup:
    """Lines over two axes, with a legend."""
    dashes = [
        sum(other.colour == curve.colour for other in lines[:number]) % len(_DASHES)
        for number, curve in enumerate(lines)
    ]
    drawn = [
        _line(curve, dash, x.scale, y.scale) for curve, dash in zip(lines, dashes, strict=True)
    ]
    legend = [
        _entry(curve.name, curve.colour, dash) for curve, dash in zip(lines, dashes, strict=True)
    ]
    return _figure(title, summary, [_grid(x, y, HEIGHT), drawn], height=HEIGHT, legend=legend)


def whiskers(title: str, summary: str, rows: Sequence[Whisker], x: Axis) -> Markup:
    """A dot with its interval for each row, under the row's name."""
    height = TOP + BOTTOM + _ROW_HEIGHT * len(rows)
    places = (TOP + _ROW_HEIGHT * number for number in range(len(rows)))
    body = [
        _x_axis(x, height),
        [_row(row, top, x.scale) for row, top in zip(rows, places, strict=True)],
    ]
    return _figure(title, summary, body, height=height, legend=[])


def _row(row: Whisker, top: float, scale: Scale) -> list[Markup]:
    middle, colour = top + _TAIL, f"c{row.colour % N_COLOURS}"
    parts = [element("text", row.name, x=LEFT, y=top + _HEAD, class_="name")]
    if row.low is not None and row.high is not None:
        ends = {"x1": _x(scale, row.low), "x2": _x(scale, row.high)}
        parts.append(element("line", y1=middle, y2=middle, class_=f"whisker {colour}", **ends))
    place = _x(scale, row.value)
    parts.append(element("circle", cx=place, cy=middle, r=5, class_=f"dot {colour}"))
    value = f"{row.value:.4g}"
    return [*parts, element("text", value, x=LEFT - 8, y=middle + 4, text_anchor="end")]


def heat_map(
    title: str,
    summary: str,
    cells: Sequence[Sequence[int]],
    x: Axis,
    y: Axis,
    *,
    colour: int = 0,
) -> Markup:
    """Counts by column and row (the lowest first), darker for more; empty cells are left out."""
    most = max((count for column in cells for count in column), default=0)
    body: list[object] = []
    for column, counts in enumerate(cells):
        for row, count in enumerate(counts):
            if count:
                body.append(_cell(column, row, count, most, (len(cells), len(counts))))
    cloud = element("g", body, class_=f"c{colour % N_COLOURS}")
    return _figure(title, summary, [_grid(x, y, HEIGHT), cloud], height=HEIGHT, legend=[])


def _cell(column: int, row: int, count: int, most: int, size: tuple[int, int]) -> Markup:
    width = (WIDTH - LEFT - RIGHT) / size[0]
    height = (HEIGHT - TOP - BOTTOM) / size[1]
    return element(
        "rect",
        x=LEFT + column * width,
        y=HEIGHT - BOTTOM - (row + 1) * height,
        width=width,
        height=height,
        class_="heat",
        fill_opacity=0.15 + 0.85 * count / most,
    )


def _line(curve: Curve, dash: int, x: Scale, y: Scale) -> list[Markup]:
    colour = f"c{curve.colour % N_COLOURS}"
    places = [(_x(x, at), _y(y, value)) for at, value in curve.points]
    parts = []
    if len(places) > 1:
        path = "M" + "L".join(f"{left:.1f} {top:.1f}" for left, top in places)
        strokes = _DASHES[dash]
        parts.append(element("path", d=path, class_=f"curve {colour}", stroke_dasharray=strokes))
    if curve.has_dots or len(places) == 1:
        for (left, top), (at, value) in zip(places, curve.points, strict=True):
            label = element("title", f"{curve.name}: {at:.4g}, {value:.4g}")
            parts.append(element("circle", label, cx=left, cy=top, r=4, class_=f"dot {colour}"))
    return parts


def _grid(x: Axis, y: Axis, height: int) -> list[Markup]:
    parts = _x_axis(x, height)
    for value, name in y.scale.ticks:
        top = _y(y.scale, value)
        parts.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=top, y2=top, class_="grid"))
        parts.append(element("text", name, x=LEFT - 6, y=top + 4, text_anchor="end"))
    turned = f"rotate(-90 14 {height / 2:g})"
    place = {"x": 14, "y": height / 2, "transform": turned, "text_anchor": "middle"}
    return [*parts, element("text", y.name, class_="axis", **place)]


def _x_axis(x: Axis, height: float) -> list[Markup]:
    bottom = height - BOTTOM
    parts = []
    for value, name in x.scale.ticks:
        left = _x(x.scale, value)
        parts.append(element("line", x1=left, x2=left, y1=TOP, y2=bottom, class_="grid"))
        parts.append(element("text", name, x=left, y=bottom + 16, text_anchor="middle"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    place = {"x": middle, "y": height - 8, "text_anchor": "middle"}
    return [*parts, element("text", x.name, class_="axis", **place)]


def _x(scale: Scale, value: float) -> float:
    return LEFT + min(max(scale.place(value), 0.0), 1.0) * (WIDTH - LEFT - RIGHT)


def _y(scale: Scale, value: float) -> float:
    return HEIGHT - BOTTOM - min(max(scale.place(value), 0.0), 1.0) * (HEIGHT - TOP - BOTTOM)


def _figure(
    title: str, summary: str, body: object, *, height: float, legend: Sequence[Markup]
) -> Markup:
    """The drawing with its name, what it shows in words, and its legend."""
    drawing = element(
        "svg",
        element("title", title),
        element("desc", summary),
        body,
        viewBox=f"0 0 {WIDTH} {height:g}",
        role="img",
        aria_label=f"{title}. {summary}",
    )
    return element(
        "figure",
        element("figcaption", title),
        drawing,
        element("ul", list(legend), class_="legend") if legend else None,
        element("p", summary, class_="summary"),
    )


def _entry(name: str, colour: int, dash: int) -> Markup:
    key = element("span", class_=f"key c{colour % N_COLOURS} d{dash}")
    return element("li", key, name)
