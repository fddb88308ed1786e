import msgspec
import pytest
from textual.pilot import Pilot

from tests.tui.closed import ClosedDoor
from tests.tui.snapshots import GPU, ROW, STATUS, TELEMETRY, snapshot, status, worker
from tests.tui.terminal import text
from velocity_local.core.notices import Notice
from velocity_tui.app import VelocityApp
from velocity_tui.messages import SnapshotArrived
from velocity_tui.session import Session
from velocity_tui.state import Down, Refused, Snapshot
from velocity_tui.widgets.alerts import Alerts
from velocity_tui.widgets.panel import Panel


def app() -> VelocityApp:
    return VelocityApp(Session(ClosedDoor()))


async def feed(pilot: Pilot[None], known: Snapshot) -> str:
    """Show a snapshot; what is on the screen then."""
    pilot.app.post_message(SnapshotArrived(known))
    await pilot.pause()
    return text(pilot.app)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
async def test_everything_is_seen_at_every_size(size: tuple[int, int]) -> None:
    async with app().run_test(size=size) as pilot:
        shown = await feed(
            pilot,
            snapshot(
                status=status(workers=(worker(running=2, used_cells=2048),), waiting=3),
                tokens_per_s=200.0,
            ),
        )
    for piece in (
        "200.0",
        "running 2",
        "waiting 3",
        "demo",
        "ready",
        "CPU",
        "RAM",
        "127.0.0.1:8621",
        "38 W",
        "2.0k of 4.1k",
        "7.0 MB of 1.0 GB",
        "16.0 MB of 10.0 GB",
    ):
        assert piece in shown
    assert "no NVIDIA driver" in shown


async def test_a_gpu_has_gauges_of_its_own() -> None:
    now = msgspec.structs.replace(TELEMETRY, gpus=(GPU,))
    async with app().run_test(size=(120, 40)) as pilot:
        shown = await feed(pilot, snapshot(telemetry=now))
    assert "GPU0" in shown
    assert "75% 210 W 61 °C" in shown
    assert "6.0 GB of 24.0 GB" in shown


async def test_a_value_that_stays_is_not_drawn_again() -> None:
    async with app().run_test() as pilot:
        await feed(pilot, snapshot())
        panels = list(pilot.app.screen.query(Panel))
        drawn = [panel.n_drawn for panel in panels]
        for uptime_s in (61.0, 62.0, 63.0):
            await feed(pilot, snapshot(status=status(uptime_s=uptime_s)))
        assert [panel.n_drawn for panel in panels] == drawn
        await feed(pilot, snapshot(tokens_per_s=5.0))
        changed = [
            panel.id for panel, before in zip(panels, drawn, strict=True) if panel.n_drawn > before
        ]
    assert changed == ["throughput"]


async def test_complaints_are_shown_until_they_are_gone() -> None:
    async with app().run_test() as pilot:
        shown = await feed(pilot, snapshot(status=status(degraded=("the disk is full",))))
        assert "⚠ the disk is full" in shown
        await feed(pilot, snapshot())
        assert not pilot.app.screen.query_one(Alerts).display


async def test_what_the_daemon_did_by_itself_is_told_for_a_minute() -> None:
    notice = Notice(1, STATUS.started_s + STATUS.uptime_s - 5, "evicted", "demo", "unused for long")
    async with app().run_test() as pilot:
        assert "demo: unused for long" in await feed(pilot, snapshot(notices=(notice,)))
        later = snapshot(notices=(notice,), status=status(uptime_s=STATUS.uptime_s + 60))
        assert "unused for long" not in await feed(pilot, later)


async def test_a_daemon_that_is_gone_is_told_with_the_next_step() -> None:
    async with app().run_test() as pilot:
        shown = await feed(
            pilot, snapshot(link=Down("it closed the connection", can_start=True), status=None)
        )
        assert "No daemon: it closed the connection. F9 starts it." in shown
        assert "● no daemon" in shown
        shown = await feed(pilot, snapshot(link=Refused("a key is needed"), status=None))
        assert "VELOCITY_API_KEY" in shown


async def test_names_cannot_command_the_terminal() -> None:
    hostile = msgspec.structs.replace(ROW, model="\x1b]0;own\x07[red]x[/red]")
    async with app().run_test(size=(200, 50)) as pilot:
        shown = await feed(pilot, snapshot(recent=(hostile,)))
    assert "\x1b" not in shown
    assert "\\x1b]0;own\\x07[red]x" in shown
