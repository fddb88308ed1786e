"""The models of the daemon's machine: what there is, load, unload, fetch."""

from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from velocity_local.core.downloads import Download
from velocity_local.core.printable import printable
from velocity_local.core.units import count, duration, milliseconds, moment, size
from velocity_local.wire.http.admin import ModelItem
from velocity_tui.plots import meter
from velocity_tui.screens.page import Page
from velocity_tui.screens.pull import ask_what_to_pull
from velocity_tui.state import Snapshot, Up
from velocity_tui.widgets.fields import Fields
from velocity_tui.widgets.grid import Cell
from velocity_tui.widgets.rows import Rows
from velocity_tui.widgets.workers import STATE_STYLES

_LOOKS_PER_S = 2
_IDLE_TICKS = 10
_METER = 16
_DOWNLOAD_STYLES = {"done": "$success", "failed": "$error", "cancelled": "$muted"}


class ModelsScreen(Page):
    MODE = "models"
    CSS_PATH = "models.tcss"
    AUTO_FOCUS = "#models"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "load", "Load", id="models.load", tooltip="Bring the model into memory"),
        Binding("u", "unload", "Unload", id="models.unload", tooltip="Take it out of memory"),
        Binding("c", "chat", "Chat", id="models.chat", tooltip="Talk to it"),
        Binding("p", "pull", "Pull", id="models.pull", tooltip="Fetch one from the hub"),
        Binding("x", "cancel", "Cancel", id="models.cancel", tooltip="End the newest download"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.models: dict[str, ModelItem] = {}
        self.downloads: tuple[Download, ...] = ()
        self._states: tuple[tuple[str, str], ...] | None = None
        self._n_ticks = 0

    def compose_body(self) -> ComposeResult:
        with Container(id="shelf"):
            yield Rows("MODEL", "STATE", "SIZE", "PARAMS", "QUANT", "CONTEXT", id="models")
            yield Fields("Details", id="details")
        downloads = Rows("DOWNLOAD", "STATE", "PROGRESS", "SPEED", "LEFT", id="downloads")
        downloads.border_title = "Downloads"
        downloads.display = False
        yield downloads

    def on_mount(self) -> None:
        self.set_interval(1 / _LOOKS_PER_S, self._look_at_downloads)

    def show(self, snapshot: Snapshot) -> None:
        """The list is asked for again when a model's state has changed."""
        super().show(snapshot)
        states = tuple((worker.model, worker.state) for worker in snapshot.workers)
        if snapshot.status is not None and states != self._states:
            self._states = states
            self.load_models()

    def load(self) -> None:
        self.load_models()
        self.look_at_downloads()

    @work(exclusive=True, group="models")
    async def load_models(self) -> None:
        found = await self.attempt(self.session.models())
        if found is not None:
            self.models = {model.id: model for model in found}
            self.query_one("#models", Rows).fill([(model.id, _row(model)) for model in found])
            self._detail()

    def on_data_table_row_highlighted(self) -> None:
        self._detail()

    async def on_data_table_row_selected(self, message: Rows.RowSelected) -> None:
        if message.data_table.id == "models":
            await self.action_chat()

    @work(group="load")
    async def action_load(self) -> None:
        model = self._pointed_at
        if model is not None and await self.attempt(self.session.load(model.id)) is not None:
            self.notify(printable(f"{model.id} can answer"), markup=False)
            self.load_models()

    @work(group="load")
    async def action_unload(self) -> None:
        model = self._pointed_at
        if model is not None and await self.attempt(self.session.unload(model.id)) is not None:
            self.load_models()

    async def action_chat(self) -> None:
        model = self._pointed_at
        if model is None:
            return
        if model.is_embedding:
            self.notify("This model makes embeddings; it does not answer.", severity="warning")
        else:
            await self.velocity.talk_to(model.id)

    @work(exclusive=True, group="pull")
    async def action_pull(self) -> None:
        wanted = await ask_what_to_pull(self)
        if wanted is not None and await self.attempt(self.session.pull(wanted)) is not None:
            self.look_at_downloads()

    @work(group="pull")
    async def action_cancel(self) -> None:
        active = [download for download in self.downloads if not download.has_ended]
        pointed_at = self.query_one("#downloads", Rows).key_at_cursor
        chosen = next((each for each in active if each.id == pointed_at), None)
        chosen = chosen or next(iter(active), None)
        if chosen is not None:
            await self.attempt(self.session.cancel_download(chosen.id))
            self.look_at_downloads()

    def _look_at_downloads(self) -> None:
        """On the clock, while somebody looks on: often if something is on its way, and else now
        and then, since downloads can begin elsewhere.
        """
        self._n_ticks += 1
        is_moving = any(not download.has_ended for download in self.downloads)
        is_up = isinstance(self.velocity.snapshot.link, Up)
        if self.is_current and is_up and (is_moving or self._n_ticks % _IDLE_TICKS == 0):
            self.look_at_downloads()

    @work(exclusive=True, group="downloads")
    async def look_at_downloads(self) -> None:
        found = await self.attempt(self.session.downloads())
        if found is not None:
            self._show_downloads(found)

    def _show_downloads(self, found: Sequence[Download]) -> None:
        n_ended = sum(download.has_ended for download in self.downloads)
        self.downloads = tuple(found)
        table = self.query_one("#downloads", Rows)
        table.display = bool(found)
        table.fill([(download.id, _progress(download)) for download in found])
        if sum(download.has_ended for download in found) != n_ended:
            self.load_models()

    def _detail(self) -> None:
        model = self._pointed_at
        self.query_one(Fields).show({} if model is None else _about(model))

    @property
    def _pointed_at(self) -> ModelItem | None:
        return self.models.get(self.query_one("#models", Rows).key_at_cursor or "")


def _row(model: ModelItem) -> list[Cell]:
    return [
        (model.id, "bold"),
        (model.state, STATE_STYLES.get(model.state, "")),
        (size(model.size_bytes), ""),
        (count(model.parameters) if model.parameters else "", ""),
        (model.quantization, ""),
        (str(model.context_length or ""), ""),
    ]


def _about(model: ModelItem) -> dict[str, str]:
    about = {
        "id": model.id,
        "name": model.name,
        "kind": "embeddings" if model.is_embedding else "text",
        "architecture": model.architecture,
        "chat template": "yes" if model.has_chat_template else "no",
        "licence": model.licence,
        "file": model.path,
        "fingerprint": model.fingerprint,
        "created": moment(model.created_s),
        "last error": model.last_error or "",
    }
    loaded = model.loaded
    if loaded is not None:
        cache = size(loaded.n_cells * loaded.kv_bytes_per_token)
        about |= {
            "device": loaded.device,
            "engine": loaded.description,
            "KV cache": f"{loaded.n_cells} tokens, {cache}",
            "sequences": f"at most {loaded.n_seq_max}",
            "threads": str(loaded.n_threads),
            "load time": milliseconds(loaded.load_ms),
            "memory": "" if model.rss_bytes is None else size(model.rss_bytes),
        }
    return about


def _progress(download: Download) -> list[Cell]:
    share = download.done_bytes / download.total_bytes if download.total_bytes else 0.0
    speed = download.bytes_per_s
    left_bytes = download.total_bytes - download.done_bytes
    is_moving = download.state == "running" and speed > 0
    state = download.error if download.state == "failed" and download.error else download.state
    return [
        (download.model, "bold"),
        (state, _DOWNLOAD_STYLES.get(download.state, "$primary")),
        (f"{meter(share, _METER)} {share:4.0%} of {size(download.total_bytes)}", ""),
        (f"{size(round(speed))}/s" if is_moving else "", ""),
        (duration(left_bytes / speed) if is_moving else "", ""),
    ]
