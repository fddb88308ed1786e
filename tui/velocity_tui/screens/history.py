"""Every request that was kept: found, sorted, explained, exported. The daemon does the finding."""

from dataclasses import replace
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.timer import Timer
from textual.widgets import Input, Static

from velocity_local.core.history import RequestRow
from velocity_local.core.units import milliseconds, moment
from velocity_local.wire.http.admin import RequestList
from velocity_tui.query import Query
from velocity_tui.screens.ask import AskText
from velocity_tui.screens.page import Page
from velocity_tui.state import Snapshot
from velocity_tui.widgets.fields import Fields
from velocity_tui.widgets.grid import Cell
from velocity_tui.widgets.recent import STATUS_STYLES
from velocity_tui.widgets.rows import Rows
from velocity_tui.widgets.timeline import Timeline

PAGE_ROWS = 50
_TYPING_PAUSE_S = 0.15
_SAVE_AS = "requests.csv"


class HistoryScreen(Page):
    MODE = "history"
    CSS_PATH = "history.tcss"
    AUTO_FOCUS = "#requests"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", key_display="/", id="history.search",
                tooltip="In id, model, error and client"),
        Binding("s", "status", "Outcome", id="history.status", tooltip="Only one outcome"),
        Binding("o", "sort", "Sort", id="history.sort", tooltip="In another order"),
        Binding("n", "next", "Next page", id="history.next", tooltip="Older requests"),
        Binding("b", "back", "Back", id="history.back", tooltip="The page before"),
        Binding("e", "export", "Export", id="history.export", tooltip="All that match, to a file"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.wanted = Query()
        self.rows: dict[str, RequestRow] = {}
        self._cursors: list[str | None] = [None]
        self._next: str | None = None
        self._newest: tuple[RequestRow, ...] = ()
        self._typing: Timer | None = None

    def compose_body(self) -> ComposeResult:
        yield Input(placeholder="Search", id="search", compact=True)
        yield Static("", id="wanted", markup=False)
        with Container(id="found"):
            yield Rows("AT", "MODEL", "STATUS", "PROMPT", "ANSWER", "TTFT", "TOK/S", "TOTAL",
                       "CACHED", "QUEUE", "GAP P95", "ENDED", "CLIENT", "ID",
                       id="requests")  # fmt: skip
            with Vertical(id="explained"):
                yield Timeline(id="timeline")
                yield Fields("", id="figures")

    def on_mount(self) -> None:
        self.query_one("#search", Input).display = False
        self.query_one("#explained").border_title = "Where its time went"

    def show(self, snapshot: Snapshot) -> None:
        """The first page is asked for again when there are newer requests."""
        super().show(snapshot)
        if snapshot.recent != self._newest:
            self._newest = snapshot.recent
            if len(self._cursors) == 1:
                self.load()

    @work(exclusive=True, group="page")
    async def load(self) -> None:
        """Show the page that the last cursor leads to."""
        page = await self.attempt(
            self.session.request_page(
                limit=PAGE_ROWS, after=self._cursors[-1], **self.wanted.filters()
            )
        )
        if page is not None:
            self.show_page(page)

    def show_page(self, page: RequestList) -> None:
        """Draw what the daemon found."""
        self._next = page.next
        self.rows = {row.id: row for row in page.items}
        self.query_one(Rows).fill([(row.id, _row(row)) for row in page.items])
        self._tell_what_is_wanted()
        self._explain()

    def on_input_changed(self, message: Input.Changed) -> None:
        """Ask once the fingers rest."""
        if self._typing is not None:
            self._typing.stop()
        wanted = replace(self.wanted, text=message.value)
        self._typing = self.set_timer(_TYPING_PAUSE_S, lambda: self._want(wanted))

    def on_input_submitted(self) -> None:
        self.query_one(Rows).focus()

    def on_data_table_row_highlighted(self) -> None:
        self._explain()

    def action_search(self) -> None:
        search = self.query_one("#search", Input)
        search.display = True
        search.focus()

    def action_status(self) -> None:
        self._want(self.wanted.next_status())

    def action_sort(self) -> None:
        self._want(self.wanted.next_sort())

    def action_next(self) -> None:
        if self._next is not None:
            self._cursors.append(self._next)
            self.load()

    def action_back(self) -> None:
        if len(self._cursors) > 1:
            self._cursors.pop()
            self.load()

    @work(group="export")
    async def action_export(self) -> None:
        given = await self.app.push_screen_wait(
            AskText("Export to (.csv or .json)", value=_SAVE_AS)
        )
        if given is None:
            return
        data = await self.attempt(
            self.session.export(as_json=given.endswith(".json"), **self.wanted.filters())
        )
        if data is not None:
            self.velocity.save(given, data)

    def _want(self, wanted: Query) -> None:
        if wanted != self.wanted:
            self.wanted = wanted
            self._cursors = [None]
            self.load()

    def _tell_what_is_wanted(self) -> None:
        place = f"page {len(self._cursors)}, {len(self.rows)} requests"
        found = f" · {self.wanted.text!r}" if self.wanted.text else ""
        more = " · N shows older ones" if self._next is not None else ""
        told = f"{self.wanted.told()}{found} · {place}{more}"
        # One line, whatever it says: nothing has to be laid out anew.
        self.query_one("#wanted", Static).update(told, layout=False)

    def _explain(self) -> None:
        row = self.rows.get(self.query_one(Rows).key_at_cursor or "")
        self.query_one(Timeline).show(row)
        self.query_one("#figures", Fields).show({} if row is None else _figures(row))


def _row(row: RequestRow) -> list[Cell]:
    return [
        (moment(row.created_s)[5:], "$muted"),
        (row.model, "bold"),
        (row.error_code or row.status, STATUS_STYLES.get(row.status, "")),
        ("" if row.prompt_tokens is None else str(row.prompt_tokens), ""),
        ("" if row.completion_tokens is None else str(row.completion_tokens), ""),
        (milliseconds(row.ttft_ms), ""),
        ("" if row.tokens_per_s is None else f"{row.tokens_per_s:.1f}", ""),
        (milliseconds(row.total_ms), ""),
        (str(row.cached_tokens or ""), "$muted"),
        (milliseconds(row.queue_ms), "$muted"),
        (milliseconds(row.itl_p95_ms), "$muted"),
        (row.finish_reason or "", "$muted"),
        (row.client, "$muted"),
        (row.id, "$muted"),
    ]


def _figures(row: RequestRow) -> dict[str, str]:
    def number(value: float | None) -> str:
        return "" if value is None else f"{value:g}"

    return {
        "error": row.error_message or "",
        "id": row.id,
        "at": moment(row.created_s),
        "endpoint": f"{row.dialect} {row.endpoint}",
        "client": row.client,
        "parameters": "" if row.parameters == "{}" else row.parameters,
        "ended": row.finish_reason or row.status,
        "cached": number(row.cached_tokens),
        "first token": milliseconds(row.ttft_ms),
        "token gaps": " / ".join(
            filter(None, map(milliseconds, (row.itl_p50_ms, row.itl_p95_ms, row.itl_max_ms)))
        ),
        "resumed": number(row.resumes or None),
        "prompt": row.prompt_text or "",
        "answer": row.answer_text or "",
    }
