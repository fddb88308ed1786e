"""What a person sees while a run goes on."""

import io

import pytest

from tests.unit.cli.terminal import Screen
from velocity_local.cli.lens_live import Live
from velocity_local.cli.output import Output
from velocity_local.lens.events import Began, Preparing, Progress


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


NOW = Progress(
    elapsed_s=10.0,
    n_done=25,
    n_failed=2,
    n_running=4,
    n_output_tokens=1200,
    ttft_p50_ms=12.3,
    ttft_p99_ms=45.6,
    itl_p50_ms=4.0,
    itl_p99_ms=9.0,
)


def last_shown(*events: Preparing | Began | Progress) -> str:
    screen = Screen()
    live = Live(Output(io.StringIO(), screen))
    for event in events:
        live(event)
    return screen.getvalue().split("\x1b[2K")[-1]


def test_progress_tells_how_far_how_fast_and_the_percentiles_so_far() -> None:
    head, tails = last_shown(Began("run", "m", 100, None), NOW).split("\n")
    for part in (
        "######------------------",
        "25 of 100",
        "4 running",
        "10 s",
        "2.5/s  120 tokens/s",
        "2 failed",
    ):
        assert part in head
    assert tails == "TTFT p50 12.3 ms, p99 45.6 ms   ITL p50 4.0 ms, p99 9.0 ms"


def test_a_run_that_a_time_ends_is_as_far_as_its_time() -> None:
    assert "[############------------]  25  " in last_shown(Began("run", "m", None, 20.0), NOW)


def test_what_nobody_knows_yet_is_not_shown() -> None:
    early = Progress(elapsed_s=0.0, n_done=0, n_failed=0, n_running=4, n_output_tokens=0)
    assert "\n" not in last_shown(Began("run", "m", 100, None), early)
    assert last_shown(Preparing("warming up")) == "warming up ..."
