"""What is computed before anything is drawn."""

from dataclasses import replace

import msgspec
import pytest

from tests.tui.snapshots import GPU, ROW, TELEMETRY, snapshot
from velocity_tui import logtail
from velocity_tui.fit import fit
from velocity_tui.logtail import Wanted
from velocity_tui.query import SORTS, STATUSES, Query
from velocity_tui.rate import TokenRate
from velocity_tui.screens.parameters import parse, problem
from velocity_tui.state import TREND_SAMPLES, Down, cut_off, sampled
from velocity_tui.timings import told
from velocity_tui.widgets.timeline import timeline

GB = 1_000_000_000
WARNING = "2026-01-31T23:59:59.999Z warning daemon.fleet [req-1] slow"
ERROR = "2026-01-31T23:59:59.999Z error daemon.fleet broken"


def test_the_rate_is_counted_over_a_second() -> None:
    rate = TokenRate()
    assert rate.add(0.0, 100, pid=1) == 0
    assert rate.add(0.25, 110, pid=1) == 40
    for quarter in range(2, 9):
        now = rate.add(quarter / 4, 100 + 10 * quarter, pid=1)
    assert now == 40
    assert rate.add(2.5, 180, pid=1) == 20
    assert rate.add(3.5, 180, pid=1) == 0


def test_a_new_daemon_counts_from_zero() -> None:
    rate = TokenRate()
    rate.add(0.0, 1000, pid=1)
    assert rate.add(0.5, 5, pid=2) == 0
    assert rate.add(1.0, 10, pid=2) == 10


def test_the_trend_holds_a_minute() -> None:
    known = snapshot()
    for second in range(2 * TREND_SAMPLES):
        known = sampled(replace(known, tokens_per_s=float(second)))
    assert len(known.trend.tokens_per_s) == TREND_SAMPLES
    assert known.trend.tokens_per_s[-1] == 2 * TREND_SAMPLES - 1
    assert known.trend.cpu[-1] == 0.375
    assert known.trend.watts[-1] == 38.0


def test_nothing_of_the_present_is_known_of_a_dead_daemon() -> None:
    known = cut_off(snapshot(tokens_per_s=5.0), Down("gone", can_start=True))
    assert known.status is None
    assert known.tokens_per_s == 0
    assert known.recent == (ROW,)


@pytest.mark.parametrize(
    ("size_bytes", "expected"), [(5 * GB, "fits"), (9 * GB, "tight"), (11 * GB, "too big")]
)
def test_fit_is_against_free_memory(size_bytes: int, expected: str) -> None:
    assert fit(size_bytes, TELEMETRY) == expected


def test_fit_takes_the_larger_of_both_memories() -> None:
    assert fit(12 * GB, msgspec.structs.replace(TELEMETRY, gpus=(GPU,))) == "fits"
    assert fit(12 * GB, None) == ""


def test_the_timeline_is_as_wide_as_asked_and_names_its_parts() -> None:
    bar, legend = timeline(ROW, 80).plain.split("\n")
    assert bar == "█" * 80
    assert [part.strip() for part in legend.split("■")[1:]] == [
        "queue 1.0 ms",
        "prefill 20.0 ms",
        "decode 300.0 ms",
        "other 9.0 ms",
    ]


def test_a_request_without_times_has_no_timeline() -> None:
    bare = msgspec.structs.replace(
        ROW, queue_ms=None, load_ms=None, prefill_ms=None, decode_ms=None, total_ms=None
    )
    assert timeline(bare, 40).plain == ""


def test_the_line_below_an_answer() -> None:
    assert told(ROW) == (
        "prompt 12 tokens (8 cached) · answer 34 tokens · first token 25.0 ms · 110.0 tok/s"
        " · total 330.0 ms"
    )
    assert "cut off at the token limit" in told(
        msgspec.structs.replace(ROW, finish_reason="length")
    )


def test_a_query_goes_round() -> None:
    query = Query()
    for _ in STATUSES:
        query = query.next_status()
    for _ in SORTS:
        query = query.next_sort()
    assert query == Query()
    assert Query(text="").filters() == {"text": None, "status": None, "sort": "created"}


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        ([], ["a", "b"], ["a", "b"]),
        (["a", "b"], ["a", "b"], []),
        (["a", "b"], ["b", "c"], ["c"]),
        (["a", "a"], ["a", "a", "a"], ["a"]),
        (["a", "b"], ["x", "y"], ["x", "y"]),
    ],
)
def test_the_lines_behind_those_that_are_known(
    before: list[str], now: list[str], new: list[str]
) -> None:
    assert list(logtail.added(before, now)) == new


def test_lines_are_wanted_by_level_and_text() -> None:
    assert logtail.level_of(WARNING) == "warning"
    assert logtail.level_of("Traceback (most recent call last):") == "info"
    assert Wanted("warning").holds(WARNING)
    assert not Wanted("error").holds(WARNING)
    assert Wanted("error").holds(ERROR)
    assert Wanted(text="REQ-1").holds(WARNING)
    assert not Wanted(text="req-2").holds(WARNING)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("temperature", "0.5", 0.5), ("seed", " 7 ", 7), ("top_p", "", None), ("max_tokens", "1", 1)],
)
def test_a_parameter_is_read(name: str, text: str, value: float | None) -> None:
    assert parse(name, text) == value
    assert problem(name, text) == ""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("temperature", "-1"),
        ("temperature", "nan"),
        ("seed", "1.5"),
        ("top_p", "2"),
        ("max_tokens", "0"),
    ],
)
def test_a_wrong_parameter_says_what_is_expected(name: str, text: str) -> None:
    assert problem(name, text).startswith(f"{name} must be")
