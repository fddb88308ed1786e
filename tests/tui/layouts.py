"""What the screens look like, as SVG that can be read in a diff: one line for each line drawn.

    python -m tests.tui.layouts

writes `tests/tui/layouts/` anew, to be looked through before it is committed.
"""

import asyncio
import os
import time
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets._footer import FooterKey

from tests.tui.closed import ClosedDoor
from tests.tui.scenes import SCENES
from velocity_tui import themes
from velocity_tui.app import VelocityApp
from velocity_tui.session import Session

FOLDER = Path(__file__).parent / "layouts"
SIZES = ((80, 24), (120, 40), (200, 50))
_WIDTH, _HEIGHT, _FONT = 8, 17, 13
_STILL = 4
"""Code in an answer takes a theme's colours a few steps after the rest."""


async def drawn(size: tuple[int, int]) -> dict[str, str]:
    """Every scene in every theme at that size, by file name."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    pictures = {}
    app = VelocityApp(Session(ClosedDoor()))
    async with app.run_test(size=size) as pilot:
        for scene, arrange in SCENES.items():
            await arrange(pilot)
            for theme in themes.THEMES:
                app.theme = theme.name
                picture = await _settled(pilot)
                name = f"{scene}-{size[0]}x{size[1]}-{theme.name.removeprefix('velocity-')}.svg"
                pictures[name] = picture
            if isinstance(app.screen, ModalScreen):
                await app.pop_screen()
    return pictures


async def _settled(pilot: Pilot[None]) -> str:
    """The screen once its footer has its keys and nothing changes any more."""
    now, n_same = svg(pilot.app), 0
    while n_same < _STILL or not (
        pilot.app.screen.query(FooterKey) or isinstance(pilot.app.screen, ModalScreen)
    ):
        await pilot.pause()
        before, now = now, svg(pilot.app)
        n_same = n_same + 1 if before == now else 0
    return now


def svg(app: App[None]) -> str:
    """The screen as it is drawn now."""
    strips = app.screen._compositor.render_strips()
    palette: dict[str, str] = {}
    ground = _hex_of(app.theme_variables["background"])
    rows = [_row(number, _runs(strip), palette, ground) for number, strip in enumerate(strips)]
    width, height = app.size.width * _WIDTH, app.size.height * _HEIGHT
    classes = "\n".join(f".{name}{{{style}}}" for style, name in palette.items())
    return "\n".join([
        '<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve"',
        f' viewBox="0 0 {width} {height}">',
        f"<style>text{{font:{_FONT}px monospace;white-space:pre}}\n{classes}</style>",
        f'<rect fill="{ground}" width="{width}" height="{height}"/>',
        *filter(None, rows),
        "</svg>\n",
    ])  # fmt: skip


def _runs(segments: Iterable[Segment]) -> list[tuple[str, Style]]:
    """Neighbours that look alike together; blanks have no colour of their own."""
    runs: list[tuple[str, Style]] = []
    for text, style, _ in segments:
        seen = style or Style()
        if not text.strip():
            seen = Style(bgcolor=seen.bgcolor)
        if runs and runs[-1][1] == seen:
            runs[-1] = (runs[-1][0] + text, seen)
        else:
            runs.append((text, seen))
    return runs


def _row(
    number: int, runs: Sequence[tuple[str, Style]], palette: dict[str, str], ground: str
) -> str:
    """Grounds that are not the screen's own, and then the texts."""
    grounds, texts, column = [], [], 0
    for text, style in runs:
        x, width = column * _WIDTH, cell_len(text)
        colour = ground if style.bgcolor is None else _hex(style.bgcolor)
        if colour != ground:
            name = _class(f"fill:{colour}", palette)
            size = f'width="{width * _WIDTH}" height="{_HEIGHT}"'
            grounds.append(f'<rect class="{name}" x="{x}" y="{number * _HEIGHT}" {size}/>')
        if text.strip():
            name = _class(_text_style(style), palette)
            x += (len(text) - len(text.lstrip())) * _WIDTH
            texts.append(f'<tspan class="{name}" x="{x}">{escape(text.strip())}</tspan>')
        column += width
    line = f'<text y="{number * _HEIGHT + _FONT}">{"".join(texts)}</text>' if texts else ""
    return "".join(grounds) + line


def _text_style(style: Style) -> str:
    marks = [
        f"fill:{_hex(style.color)}" if style.color is not None else "",
        "font-weight:bold" if style.bold else "",
        "text-decoration:underline" if style.underline else "",
        "opacity:.6" if style.dim else "",
    ]
    return ";".join(filter(None, marks))


def _class(style: str, palette: dict[str, str]) -> str:
    return palette.setdefault(style, f"s{len(palette)}")


def _hex(colour: Color) -> str:
    return colour.get_truecolor().hex


def _hex_of(text: str) -> str:
    return _hex(Color.parse(text))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each in SIZES:
        for file_name, picture in asyncio.run(drawn(each)).items():
            (FOLDER / file_name).write_text(picture, encoding="utf-8")
