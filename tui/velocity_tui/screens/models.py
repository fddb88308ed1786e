"""Models: those here, those recommended and those on the hub; fetch, load, name, remove."""

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.timer import Timer
from textual.widgets import Input, Static

from velocity_local.core.aliases import Alias
from velocity_local.core.downloads import Download
from velocity_local.core.printable import printable
from velocity_local.core.search import Found
from velocity_local.core.units import size
from velocity_local.wire.http.admin import ModelItem
from velocity_local.wire.http.fit import FitAnswer
from velocity_local.wire.http.tuning import OptionList
from velocity_tui.screens.ask import AskText
from velocity_tui.screens.confirm import Confirm
from velocity_tui.screens.page import Page
from velocity_tui.screens.pull import ask_what_to_pull, choose_variant
from velocity_tui.shelf import Entry, Local, Remote, merged
from velocity_tui.state import Snapshot, Up
from velocity_tui.widgets.fields import Fields
from velocity_tui.widgets.model_lines import about_found, about_model, line, progress
from velocity_tui.widgets.rows import Rows

_LOOKS_PER_S = 2
_IDLE_TICKS = 10
_TYPING_PAUSE_S = 0.5
_DETAIL_PAUSE_S = 0.2


class ModelsScreen(Page):
    MODE = "models"
    CSS_PATH = "models.tcss"
    AUTO_FOCUS = "#models"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "load", "Load", id="models.load", tooltip="Bring the model into memory"),
        Binding("u", "unload", "Unload", id="models.unload", tooltip="Take it out of memory"),
        Binding("c", "chat", "Chat", id="models.chat", tooltip="Talk to it"),
        Binding("p", "pull", "Pull", id="models.pull", tooltip="Fetch one by its name"),
        Binding("slash", "search", "Search", key_display="/", id="models.search",
                tooltip="Here, among those recommended, and on the hub"),
        Binding("space", "hold", "Pause", id="models.hold", tooltip="A download, or go on with it"),
        Binding("x", "cancel", "Cancel", id="models.cancel", tooltip="End a download"),
        Binding("k", "pin", "Pin", id="models.pin", tooltip="Keep it in memory, or no longer"),
        Binding("a", "alias", "Alias", id="models.alias", tooltip="Give it a name of your own"),
        Binding("d", "delete", "Delete", id="models.delete", tooltip="Remove its files"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.models: dict[str, ModelItem] = {}
        self.found: tuple[Found, ...] = ()
        self.entries: dict[str, Entry] = {}
        self.downloads: tuple[Download, ...] = ()
        self.aliases: tuple[Alias, ...] = ()
        self._fits: dict[str, FitAnswer] = {}
        self._options: dict[str, OptionList] = {}
        self._states: tuple[tuple[str, str], ...] | None = None
        self._n_ticks = 0
        self._typing: Timer | None = None
        self._detailing: Timer | None = None

    def compose_body(self) -> ComposeResult:
        yield Input(placeholder="Search here, the catalogue and the hub", id="search", compact=True)
        yield Static("", id="searched", markup=False)
        with Container(id="shelf"):
            yield Rows("MODEL", "STATE", "FIT", "SIZE", "PARAMS", "QUANT", "CONTEXT", id="models")
            yield Fields("Details", id="details")
        downloads = Rows("DOWNLOAD", "PROGRESS", "SPEED", "LEFT", "STATE", id="downloads")
        downloads.border_title = "Downloads"
        downloads.display = False
        yield downloads

    def on_mount(self) -> None:
        self.query_one("#search").display = self.query_one("#searched").display = False
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
        self.look_for(self._text)

    @work(exclusive=True, group="models")
    async def load_models(self) -> None:
        found = await self.attempt(self.session.models())
        aliases = await self.attempt(self.session.aliases())
        if found is not None:
            self.models = {model.id: model for model in found}
            self.aliases = aliases or ()
            self._fill()

    @work(exclusive=True, group="search")
    async def look_for(self, text: str) -> None:
        """Without a text the catalogue alone is shown, and the hub is not asked."""
        told = self.query_one("#searched", Static)
        told.update(f"… asking the hub for {printable(text)!r}; Esc goes on without")
        answer = await self.attempt(self.session.search(text))
        if answer is not None:
            self.found = answer.items
            error = f" · the hub: {answer.hub_error}" if answer.hub_error else ""
            told.update(printable(f"{len(answer.items)} to fetch{error}"))
            self._fill()

    def on_input_changed(self, message: Input.Changed) -> None:
        """Those here are narrowed at once; the hub is asked once the fingers rest."""
        self._fill()
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(_TYPING_PAUSE_S, lambda: self.look_for(message.value))

    def on_input_submitted(self) -> None:
        self.query_one("#models").focus()

    def on_data_table_row_highlighted(self) -> None:
        self._detail()

    async def on_data_table_row_selected(self, message: Rows.RowSelected) -> None:
        if message.data_table.id == "models":
            if isinstance(self._pointed_at, Remote):
                self.action_pull_this()
            else:
                await self.action_chat()

    def action_search(self) -> None:
        search = self.query_one("#search", Input)
        search.display = self.query_one("#searched").display = True
        search.focus()

    @work(group="load")
    async def action_load(self) -> None:
        model = self._local
        if model is not None and await self.attempt(self.session.load(model.id)) is not None:
            self.notify(printable(f"{model.id} can answer"), markup=False)
            self.load_models()

    def action_unload(self) -> None:
        if self._local is not None:
            model_id = self._local.id
            self._do(lambda: self.session.unload(model_id))

    def action_pin(self) -> None:
        model = self._local
        if model is not None:
            self._do(lambda: self.session.pin(model.id, is_pinned=not model.is_pinned))

    @work(group="load")
    async def action_alias(self) -> None:
        model = self._local
        if model is None:
            return
        name = await self.app.push_screen_wait(AskText(printable(f"Another name for {model.id}")))
        if name is not None:
            self._do(lambda: self.session.set_alias(name, model.id))

    @work(group="load")
    async def action_delete(self) -> None:
        model = self._local
        if model is None:
            return
        question = Confirm("Remove a model", f"{model.id}, {size(model.size_bytes)}, {model.path}")
        if await self.app.push_screen_wait(question):
            self._do(lambda: self.session.remove_model(model.id))

    async def action_chat(self) -> None:
        model = self._local
        if model is None:
            return
        if model.is_embedding:
            self.notify("This model makes embeddings; it does not answer.", severity="warning")
        else:
            await self.velocity.talk_to(model.id)

    @work(exclusive=True, group="pull")
    async def action_pull(self) -> None:
        entry = self._pointed_at
        likely = entry.found.repository if isinstance(entry, Remote) else ""
        await self._pull(await ask_what_to_pull(self, likely))

    @work(exclusive=True, group="pull")
    async def action_pull_this(self) -> None:
        entry = self._pointed_at
        if isinstance(entry, Remote):
            await self._pull(await choose_variant(self, entry.found))

    async def _pull(self, wanted: str | None) -> None:
        if wanted is not None and await self.attempt(self.session.pull(wanted)) is not None:
            self.look_at_downloads()

    @work(group="pull")
    async def action_cancel(self) -> None:
        chosen = self._download
        if chosen is not None:
            await self.attempt(self.session.cancel_download(chosen.id))
            self.look_at_downloads()

    @work(group="pull")
    async def action_hold(self) -> None:
        chosen = self._download
        if chosen is not None:
            is_held = chosen.state in {"paused", "pausing"}
            change = self.session.resume_download if is_held else self.session.pause_download
            await self.attempt(change(chosen.id))
            self.look_at_downloads()

    @work(group="load")
    async def _do(self, change: Callable[[], Awaitable[object]]) -> None:
        if await self.attempt(change()) is not None:
            self.load_models()

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
        table.fill([(download.id, progress(download)) for download in found])
        if sum(download.has_ended for download in found) != n_ended:
            self.load_models()

    def _fill(self) -> None:
        """Nothing is shown before it is known what is here: the cursor begins there."""
        if not self.models:
            return
        models = list(self.models.values())
        verdicts = {model_id: fit.verdict for model_id, fit in self._fits.items()}
        self.entries = merged(models, self.found, verdicts, text=self._text)
        self.query_one("#models", Rows).fill(
            [(key, line(entry)) for key, entry in self.entries.items()]
        )
        self._detail()

    def _detail(self) -> None:
        """What is known at once, and the rest when the cursor rests."""
        entry = self._pointed_at
        match entry:
            case Remote(found=found):
                self.query_one(Fields).show(about_found(found))
            case Local(model=model):
                self._describe(model)
                if self._detailing is not None:
                    self._detailing.stop()
                self._detailing = self.set_timer(_DETAIL_PAUSE_S, lambda: self._explain(model))
            case None:
                self.query_one(Fields).show({})

    def _describe(self, model: ModelItem) -> None:
        options = self._options.get(model.id)
        facts = about_model(
            model,
            aliases=self.aliases,
            fit=self._fits.get(model.id),
            options=() if options is None else options.items,
        )
        self.query_one(Fields).show(facts)

    @work(exclusive=True, group="detail")
    async def _explain(self, model: ModelItem) -> None:
        """Whether it fits, and how it is loaded the next time."""
        fit = await self.attempt(self.session.fit(model.id))
        options = await self.attempt(self.session.options(model.id))
        if options is not None:
            self._options[model.id] = options
        if fit is not None and fit != self._fits.get(model.id):
            is_news = fit.verdict != getattr(self._fits.get(model.id), "verdict", None)
            self._fits[model.id] = fit
            if is_news:
                self._fill()
        if self._local == model:
            self._describe(model)

    @property
    def _text(self) -> str:
        return self.query_one("#search", Input).value.strip()

    @property
    def _pointed_at(self) -> Entry | None:
        return self.entries.get(self.query_one("#models", Rows).key_at_cursor or "")

    @property
    def _local(self) -> ModelItem | None:
        entry = self._pointed_at
        return entry.model if isinstance(entry, Local) else None

    @property
    def _download(self) -> Download | None:
        """The one pointed at if it goes on, else the newest that does."""
        active = [download for download in self.downloads if not download.has_ended]
        pointed_at = self.query_one("#downloads", Rows).key_at_cursor
        chosen = next((each for each in active if each.id == pointed_at), None)
        return chosen or next(iter(active), None)
