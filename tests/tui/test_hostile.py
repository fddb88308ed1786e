"""Whatever comes from models, hubs, files and requests may be shown, and may command nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.strip import Strip
from textual.widget import Widget

from tests.tui.snapshots import busy, snapshot
from velocity_local.core.conversations import Attachment, Conversation, Parameters, Summary, Turn
from velocity_local.core.notices import Notice
from velocity_tui.conversation import Place
from velocity_tui.copying import text_of
from velocity_tui.state import Down, Snapshot, Up
from velocity_tui.widgets.alerts import Alerts
from velocity_tui.widgets.cores import Cores
from velocity_tui.widgets.enclosures import Enclosures
from velocity_tui.widgets.fields import Fields
from velocity_tui.widgets.kvmap import KvMap
from velocity_tui.widgets.machine import Machine
from velocity_tui.widgets.masthead import Masthead
from velocity_tui.widgets.processes import Processes
from velocity_tui.widgets.recent import Recent
from velocity_tui.widgets.rows import Rows
from velocity_tui.widgets.shelf import Shelf
from velocity_tui.widgets.side import Side
from velocity_tui.widgets.slots import Slots
from velocity_tui.widgets.throughput import Throughput
from velocity_tui.widgets.tiers import Tiers
from velocity_tui.widgets.turns import Question, Reply
from velocity_tui.widgets.workers import Workers

ATTACKS = (
    "\x1b]0;owned\x07", "\x1b]52;c;aGk=\x07", "\x1b]8;;http://evil\x1b\\x\x1b]8;;\x1b\\", "\x1b[2J",
    "\x9b31m", "\x90q\x9c", "\r", "\x08\x08", "\u202eabc", "\u2066x\u2069", "\ufeff", "\x00",
    "[red]", "[@click=app.quit]x[/]", "[/]", "\ue000", "\U000e0041", "&#27;[2J", "`\x1b[2J`",
    "```\n", "\n\n# ", "<b>", "| a |\n|---|\n| \x1b[2J |\n", "[a](http://x/\x1b\\)", "\x1bP",
)  # fmt: skip
hostile = st.lists(st.sampled_from(ATTACKS) | st.text(max_size=4), max_size=6).map("".join)
Shows = Callable[[str], tuple[Widget, Callable[[], object]]]


def of_snapshot(kind: Callable[..., Widget], **arguments: object) -> Shows:
    def shows(said: str) -> tuple[Widget, Callable[[], object]]:
        widget = kind(**arguments)
        return widget, lambda: widget.show(knowing(said))  # type: ignore[attr-defined] # all have it

    return shows


def knowing(said: str) -> Snapshot:
    """A busy daemon whose every text is this one."""
    known = busy()
    notice = Notice(1, 1.0, "evicted", said, said)
    return replace(
        known,
        link=Up(said),
        status=saying(known.status, said),
        telemetry=saying(known.telemetry, said),
        kept=saying(known.kept, said),
        recent=saying(known.recent, said),
        notices=(notice,),
    )


def saying(value: Any, said: str) -> Any:
    """The value with this in place of every text that is not one of a few words."""
    match value:
        case msgspec.Struct():
            changes = {
                field.name: said if field.type in {str, str | None} else saying(now, said)
                for field in msgspec.structs.fields(value)
                if (now := getattr(value, field.name)) is not None
            }
            return msgspec.structs.replace(value, **changes)
        case tuple():
            return tuple(said if isinstance(each, str) else saying(each, said) for each in value)
        case dict():
            return {key: saying(each, said) for key, each in value.items()}
        case _:
            return value


def question(said: str) -> tuple[Widget, Callable[[], object]]:
    turn = Turn("q", None, "user", said, attachments=(Attachment(said, said),))
    return Question(Place(turn, 1, 2)), lambda: None


def reply(said: str) -> tuple[Widget, Callable[[], object]]:
    widget = Reply(Place(Turn("a", "q", "assistant", said, reasoning=said, note=said), 2, 2))
    return widget, widget.fill


def side(said: str) -> tuple[Widget, Callable[[], object]]:
    widget = Side(Conversation("c"), said)
    return widget, lambda: widget.tell(Parameters(system=said))


def shelf(said: str) -> tuple[Widget, Callable[[], object]]:
    widget = Shelf()
    return widget, lambda: widget.show([Summary("c", said, said, 1.0, 1.0, 2)], "c")


def enclosures(said: str) -> tuple[Widget, Callable[[], object]]:
    widget = Enclosures()
    return widget, lambda: widget.add(Attachment(said, said))


def fields(said: str) -> tuple[Widget, Callable[[], object]]:
    widget = Fields("Details")
    return widget, lambda: widget.show({"id": said})


def rows(said: str) -> tuple[Widget, Callable[[], object]]:
    widget = Rows("A", "B")
    return widget, lambda: widget.fill([("key", [(said, "bold"), (said, "$error")])])


def down(said: str) -> tuple[Widget, Callable[[], object]]:
    widget = Alerts()
    return widget, lambda: widget.show(replace(snapshot(), link=Down(said, can_start=True)))


WIDGETS: dict[str, Shows] = {
    "question": question,
    "reply": reply,
    "side": side,
    "shelf": shelf,
    "enclosures": enclosures,
    "fields": fields,
    "rows": rows,
    "down": down,
    "masthead": of_snapshot(Masthead, places=(), current=""),
    "alerts": of_snapshot(Alerts),
    "machine": of_snapshot(Machine),
    "workers": of_snapshot(Workers),
    "recent": of_snapshot(Recent),
    "processes": of_snapshot(Processes),
    "slots": of_snapshot(Slots),
    "tiers": of_snapshot(Tiers),
    "kvmap": of_snapshot(KvMap),
    "throughput": of_snapshot(Throughput),
    "cores": of_snapshot(Cores),
}


class Showing(App[None]):
    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.widget = widget

    def compose(self) -> ComposeResult:
        yield self.widget


@pytest.mark.parametrize("name", WIDGETS)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(said=hostile)
async def test_no_text_reaches_the_terminal_as_a_command(name: str, said: str) -> None:
    widget, fill = WIDGETS[name](said)
    app = Showing(widget)
    async with app.run_test(size=(90, 30)) as pilot:
        filled = fill()
        if hasattr(filled, "__await__"):
            await filled
        await pilot.pause()
        strips = app.screen._compositor.render_strips()
        copied = text_of(widget)
    drawn = "".join(strip.text for strip in strips)
    assert [c for c in drawn if not (c.isprintable() or c in "\u200c\u200d")] == []
    assert links(strips) == set()
    assert [c for c in copied if not (c.isprintable() or c in "\n\t\u200c\u200d")] == []


def links(strips: list[Strip]) -> set[str]:
    """Addresses that the terminal itself would open."""
    return {
        segment.style.link
        for strip in strips
        for segment in strip
        if segment.style and segment.style.link
    }
