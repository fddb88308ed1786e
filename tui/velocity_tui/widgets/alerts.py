"""What does not work as it should, and what to do about it; nothing is shown when all is well."""

from collections.abc import Iterator

from textual.content import Content
from textual.widgets import Static

from velocity_local.core.printable import printable
from velocity_tui.state import Down, Looking, Refused, Snapshot, Starting, Up

_NOTICE_S = 60.0
_MOST_NOTICES = 2


class Alerts(Static):
    """One line for each complaint; what the daemon did by itself is told for a minute."""

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self.texts: tuple[str, ...] = ()
        self.display = False

    def show(self, snapshot: Snapshot) -> None:
        texts = tuple(complaints(snapshot))
        if texts == self.texts:
            return
        self.texts = texts
        self.display = bool(texts)
        self.update(Content("\n".join(texts)))


def complaints(snapshot: Snapshot) -> Iterator[str]:
    """In words, each with the next step where there is one."""
    match snapshot.link:
        case Looking():
            yield "… Looking for the daemon"
        case Starting():
            yield "… Starting the daemon"
        case Down(reason, can_start):
            then = "F9 starts it" if can_start else "it is asked again twice a second"
            yield f"✖ No daemon: {printable(reason)}. {then}."
        case Refused(reason):
            yield f"✖ Refused: {printable(reason)}. Set VELOCITY_API_KEY to the daemon's token."
        case Up():
            yield from _of_status(snapshot)


def _of_status(snapshot: Snapshot) -> Iterator[str]:
    status = snapshot.status
    if status is None:
        return
    for complaint in status.degraded:
        yield f"⚠ {printable(complaint)}"
    now_s = status.started_s + status.uptime_s
    for notice in snapshot.notices[-_MOST_NOTICES:]:
        if now_s - notice.at_s < _NOTICE_S:
            yield f"• {printable(notice.model)}: {printable(notice.text)}"
    if status.preloading:
        yield f"… Loading {printable(', '.join(status.preloading))}"
