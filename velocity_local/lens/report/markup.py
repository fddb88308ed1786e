"""HTML and SVG as text that cannot be broken out of: everything is escaped unless made here."""

from collections.abc import Sequence
from html import escape

from velocity_local.core.printable import printable

_VOID = frozenset({"meta", "br", "path", "line", "rect", "circle"})


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """A tag of ours with children and attributes; `class_` is `class`, `x_y` is `x-y`.

    Attributes that are None are left out.
    """
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{text(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID and not children:
        return Markup(f"<{tag}{given}/>")
    return Markup(f"<{tag}{given}>{join(children)}</{tag}>")


def join(parts: object) -> Markup:
    """Parts one after another: markup as it is, text escaped, None left out, lists flattened."""
    if parts is None:
        return Markup()
    if isinstance(parts, Markup):
        return parts
    if isinstance(parts, (list, tuple)):
        return Markup("".join(join(part) for part in parts))
    return text(parts)


def text(value: object) -> Markup:
    """A value as text: a number to four digits, everything else escaped, control codes visible."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, float):
        return Markup(f"{value:.5g}")
    return Markup(escape(printable(str(value)), quote=True))


def section(name: str, *parts: object) -> Markup:
    """A part of the page under a heading."""
    return element("section", element("h2", name), join(parts), aria_label=name)


def table(head: Sequence[object], rows: Sequence[Sequence[object]], *, caption: str) -> Markup:
    """A table that scrolls by itself if it is wide; the first cell of a row is its heading."""
    heading = element("tr", [element("th", cell, scope="col") for cell in head])
    lines = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            [element("td", cell) for cell in row[1:]],
        )
        for row in rows
    ]
    whole = element(
        "table",
        element("caption", caption),
        element("thead", heading),
        element("tbody", lines),
    )
    return element("div", whole, class_="wide", tabindex="0", role="region", aria_label=caption)
