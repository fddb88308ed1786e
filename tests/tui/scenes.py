"""Each screen with everything on it that there is to see, from values alone."""

from collections.abc import Awaitable, Callable

from textual.pilot import Pilot

from tests.tui.benches import comparison, course, kept
from tests.tui.models_known import DEMO, DOWNLOADS, FOUND, LARGER
from tests.tui.snapshots import busy, snapshot
from tests.tui.talks import beside, chat, welcome
from velocity_local.wire.http.admin import ConfigItem, ConfigList, RequestList
from velocity_tui.bench import Plan
from velocity_tui.messages import SnapshotArrived
from velocity_tui.screens.bench import BenchScreen
from velocity_tui.screens.compared import Compared
from velocity_tui.screens.history import HistoryScreen
from velocity_tui.screens.models import ModelsScreen
from velocity_tui.screens.monitor import MonitorScreen
from velocity_tui.screens.plan_run import PlanRun
from velocity_tui.screens.settings import SettingsScreen

LOG = (
    "2026-01-31T23:59:57.101Z info daemon.server listening on 127.0.0.1:8621",
    "2026-01-31T23:59:58.020Z debug daemon.fleet demo: ready after 120 ms",
    "2026-01-31T23:59:59.300Z warning daemon.gateway [req-1] the client is slow to read",
    "2026-01-31T23:59:59.999Z error daemon.fleet owner/larger: the worker died; it is replaced",
)

SETTINGS = (
    ConfigItem("server.host", "127.0.0.1", "default"),
    ConfigItem("server.port", 8621, "file"),
    ConfigItem("engine.kv_ram_bytes", 1_000_000_000, "environment"),
    ConfigItem("fleet.preload", ["demo"], "flag"),
    ConfigItem("limits.write_timeout_s", 30.0, "default"),
)


async def home(pilot: Pilot[None]) -> None:
    pilot.app.post_message(SnapshotArrived(busy()))


async def monitor(pilot: Pilot[None]) -> None:
    pilot.app.post_message(SnapshotArrived(busy()))
    await pilot.press("alt+6")
    screen = pilot.app.screen
    assert isinstance(screen, MonitorScreen)
    screen.lines = list(LOG)
    screen._write(LOG)
    screen._tell_which()


async def models(pilot: Pilot[None]) -> None:
    pilot.app.post_message(SnapshotArrived(busy()))
    await pilot.press("alt+3")
    screen = pilot.app.screen
    assert isinstance(screen, ModelsScreen)
    screen.models = {model.id: model for model in (DEMO, LARGER)}
    screen.found = FOUND
    screen._fill()
    screen._show_downloads(DOWNLOADS)


async def history(pilot: Pilot[None]) -> None:
    known = busy()
    pilot.app.post_message(SnapshotArrived(known))
    await pilot.press("alt+5")
    screen = pilot.app.screen
    assert isinstance(screen, HistoryScreen)
    screen.show_page(RequestList(known.recent[1:], next="more"))


async def settings(pilot: Pilot[None]) -> None:
    pilot.app.post_message(SnapshotArrived(busy()))
    await pilot.press("alt+7")
    screen = pilot.app.screen
    assert isinstance(screen, SettingsScreen)
    screen.show_settings(ConfigList("~/.config/velocity-local/config.toml", SETTINGS))


async def bench(pilot: Pilot[None]) -> None:
    pilot.app.post_message(SnapshotArrived(snapshot()))
    await pilot.press("alt+4")
    screen = pilot.app.screen
    assert isinstance(screen, BenchScreen)
    screen.runs = {run.id: run for run in (kept(number) for number in range(9, 0, -1))}
    screen._fill()
    screen.course = course()
    screen._tell()


async def plan(pilot: Pilot[None]) -> None:
    await bench(pilot)
    pilot.app.push_screen(PlanRun(["demo", "owner/model:Q4_K_M"], Plan("demo")))


async def compared(pilot: Pilot[None]) -> None:
    await bench(pilot)
    pilot.app.push_screen(Compared(comparison(), kept(8), kept(9, slower=1.1)))
    await pilot.pause()


SCENES: dict[str, Callable[[Pilot[None]], Awaitable[None]]] = {
    "home": home,
    "chat": chat,
    "beside": beside,
    "welcome": welcome,
    "monitor": monitor,
    "models": models,
    "history": history,
    "settings": settings,
    "bench": bench,
    "plan": plan,
    "compared": compared,
}
