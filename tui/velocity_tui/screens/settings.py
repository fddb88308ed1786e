"""Every setting in force with its origin, and the API keys; changed for the next start."""

from collections.abc import Awaitable
from pathlib import Path
from typing import ClassVar, TypeVar

import msgspec
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, Static

from velocity_local.config import keys
from velocity_local.config.errors import ConfigError
from velocity_local.config.secrets import ApiKey
from velocity_local.core.printable import printable
from velocity_local.core.units import moment
from velocity_local.wire.http.admin import ConfigItem, ConfigList
from velocity_tui.screens.ask import AskText
from velocity_tui.screens.confirm import Confirm
from velocity_tui.screens.page import Page
from velocity_tui.screens.told import Told
from velocity_tui.widgets.grid import Cell
from velocity_tui.widgets.rows import Rows

T = TypeVar("T")

_ORIGIN_STYLES = {"file": "$primary", "environment": "$warning", "flag": "$accent"}


class SettingsScreen(Page):
    MODE = "settings"
    CSS_PATH = "settings.tcss"
    AUTO_FOCUS = "#settings"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "change", "Change", id="settings.change",
                tooltip="From the next start on"),
        Binding("slash", "search", "Search", key_display="/", id="settings.search",
                tooltip="Only settings of that name"),
        Binding("n", "new_key", "New key", id="settings.new-key",
                tooltip="Let a program ask this daemon"),
        Binding("r", "revoke", "Revoke key", id="settings.revoke", tooltip="Take a key back"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.settings: dict[str, ConfigItem] = {}
        self.keys: dict[str, ApiKey] = {}
        self.file = ""

    def compose_body(self) -> ComposeResult:
        yield Static("", id="file", markup=False)
        yield Input(placeholder="Only settings whose name holds", id="search", compact=True)
        yield Rows("SETTING", "VALUE", "FROM", id="settings")
        yield Rows("API KEY", "ENDS IN", "CLASS", "CREATED", id="keys")

    def on_mount(self) -> None:
        self.query_one("#search", Input).display = False
        self.query_one("#keys").border_title = "API keys, read when the daemon starts"
        self.query_one("#keys").display = self.session.can_configure
        if self.session.can_configure:
            self.load_keys()

    @work(exclusive=True, group="keys")
    async def load_keys(self) -> None:
        found = await self._settled(self.session.keys())
        if found is not None:
            self.keys = {key.name: key for key in found}
            self.query_one("#keys", Rows).fill([(key.name, _key(key)) for key in found])

    @work(exclusive=True, group="settings")
    async def load(self) -> None:
        found: ConfigList | None = await self.attempt(self.session.configuration())
        if found is not None:
            self.show_settings(found)

    def show_settings(self, found: ConfigList) -> None:
        """Draw what is in force."""
        self.file = found.file
        self.settings = {item.key: item for item in found.items}
        self.query_one("#file", Static).update(printable(f"File: {found.file}"))
        self._fill()

    def on_input_changed(self) -> None:
        self._fill()

    def on_input_submitted(self) -> None:
        self.query_one("#settings").focus()

    def on_data_table_row_selected(self, message: Rows.RowSelected) -> None:
        if message.data_table.id == "settings":
            self.action_change()

    def action_search(self) -> None:
        search = self.query_one("#search", Input)
        search.display = True
        search.focus()

    @work(exclusive=True, group="change")
    async def action_change(self) -> None:
        item = self.settings.get(self.query_one("#settings", Rows).key_at_cursor or "")
        if item is None or not self._may_change():
            return
        given = await self.app.push_screen_wait(
            AskText(
                f"{item.key} (null takes the default)",
                value=_typed(item.value),
                check=lambda text: _wrong(item.key, text),
            )
        )
        if given is None:
            return
        change = self.session.configure(Path(self.file), item.key, given)
        if await self._settled(change) is not None:
            self.notify(f"{item.key} holds from the daemon's next start on.", markup=False)

    @work(exclusive=True, group="change")
    async def action_new_key(self) -> None:
        if not self._may_change():
            return
        name = await self.app.push_screen_wait(
            AskText("Name of the new key", check=lambda text: "" if text.strip() else "a name")
        )
        secret = None if name is None else await self._settled(self.session.create_key(name))
        if secret is not None:
            self.load_keys()
            advice = "It is not shown again. From the daemon's next start on a key is needed."
            await self.app.push_screen_wait(Told(f"Key {name}, copied", secret, advice))

    @work(exclusive=True, group="change")
    async def action_revoke(self) -> None:
        key = self.keys.get(self.query_one("#keys", Rows).key_at_cursor or "")
        if key is None or not self._may_change():
            return
        question = Confirm("Revoke a key", f"{key.name}, which ends in {key.last4}")
        if await self.app.push_screen_wait(question):
            await self._settled(self.session.revoke_key(key.name))
            self.load_keys()

    async def _settled(self, change: Awaitable[T]) -> T | None:
        """What came of it; None if it did not work, which is then told."""
        try:
            settled = await change
        except ConfigError as error:
            self.notify(printable(str(error)), severity="error", markup=False)
            return None
        return settled if self.is_there else None

    def _may_change(self) -> bool:
        if not self.session.can_configure:
            self.notify("Settings are changed on the daemon's own machine.", severity="warning")
        return self.session.can_configure

    def _fill(self) -> None:
        wanted = self.query_one("#search", Input).value.casefold()
        self.query_one("#settings", Rows).fill(
            [
                (
                    item.key,
                    (
                        (item.key, "bold" if item.origin != "default" else ""),
                        (_typed(item.value), ""),
                        (item.origin, _ORIGIN_STYLES.get(item.origin, "$muted")),
                    ),
                )
                for item in self.settings.values()
                if wanted in item.key.casefold()
            ]
        )


def _key(key: ApiKey) -> list[Cell]:
    return [
        (key.name, "bold"),
        (f"…{key.last4}", ""),
        (key.priority, ""),
        (moment(key.created_s)[:10], "$muted"),
    ]


def _typed(value: object) -> str:
    """As it is typed in a flag or here."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _wrong(key: str, text: str) -> str:
    """What is wrong with `text` as a value of `key`; empty if nothing is."""
    if text.strip() == "null":
        return ""
    try:
        keys.parse(key, text.strip())
    except ConfigError as error:
        return str(error)
    return ""
