"""Every setting in force, where it comes from, and changing it for the next start."""

from pathlib import Path
from typing import ClassVar

import msgspec
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, Static

from velocity_local.config import keys
from velocity_local.config.errors import ConfigError
from velocity_local.core.printable import printable
from velocity_local.wire.http.admin import ConfigItem, ConfigList
from velocity_tui.screens.ask import AskText
from velocity_tui.screens.page import Page
from velocity_tui.widgets.rows import Rows

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
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.settings: dict[str, ConfigItem] = {}
        self.file = ""

    def compose_body(self) -> ComposeResult:
        yield Static("", id="file", markup=False)
        yield Input(placeholder="Only settings whose name holds", id="search", compact=True)
        yield Rows("SETTING", "VALUE", "FROM", id="settings")

    def on_mount(self) -> None:
        self.query_one("#search", Input).display = False

    @work(exclusive=True, group="settings")
    async def load(self) -> None:
        found: ConfigList | None = await self.attempt(self.session.configuration())
        if found is None:
            return
        self.file = found.file
        self.settings = {item.key: item for item in found.items}
        self.query_one("#file", Static).update(printable(f"File: {found.file}"))
        self._fill()

    def on_input_changed(self) -> None:
        self._fill()

    def on_input_submitted(self) -> None:
        self.query_one(Rows).focus()

    def on_data_table_row_selected(self) -> None:
        self.action_change()

    def action_search(self) -> None:
        search = self.query_one("#search", Input)
        search.display = True
        search.focus()

    @work(exclusive=True, group="change")
    async def action_change(self) -> None:
        item = self.settings.get(self.query_one(Rows).key_at_cursor or "")
        if item is None:
            return
        if not self.session.can_configure:
            self.notify("Settings are changed on the daemon's own machine.", severity="warning")
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
        try:
            await self.session.configure(Path(self.file), item.key, given)
        except ConfigError as error:
            self.notify(printable(str(error)), severity="error", markup=False)
        else:
            self.notify(f"{item.key} holds from the daemon's next start on.", markup=False)

    def _fill(self) -> None:
        wanted = self.query_one("#search", Input).value.casefold()
        self.query_one(Rows).fill(
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
