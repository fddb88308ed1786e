"""The questions asked of the history, each against the rows they are about."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.daemon.store.rows import row
from velocity_local.core.errors import InvalidRequest
from velocity_local.core.history import RequestRow
from velocity_local.daemon.store import migrations, requests
from velocity_local.daemon.store.requests import Filter, Sort


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(fresh()) as opened:
        yield opened


def fresh() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for step in migrations.STEPS:
        step(connection)
    return connection


def ids(connection: sqlite3.Connection, which: Filter | None = None, **how: object) -> list[str]:
    found = requests.page(connection, which or Filter(), **how)  # type: ignore[arg-type] # as given
    return [each.id for each in found.rows]


def test_a_row_comes_back_as_it_went_in(connection: sqlite3.Connection) -> None:
    whole = row(
        "a", parameters='{"top_k": 1}', client="curl", choices=2, prompt_tokens=10,
        cached_tokens=3, completion_tokens=7, queue_ms=0.5, load_ms=1.5, prefill_ms=2.25,
        ttft_ms=3.1, itl_p50_ms=0.1, itl_p95_ms=0.2, itl_max_ms=0.3, decode_ms=9.9,
        total_ms=12.7, tokens_per_s=70.3, finish_reason="stop", resumes=1, error_code="x",
        error_message="größer \x00 ok", prompt_text="p", answer_text="a", stream=False,
    )  # fmt: skip
    requests.save(connection, whole)
    requests.save(connection, row("b"))
    assert requests.get(connection, "a") == whole
    assert requests.get(connection, "b") == row("b")
    assert requests.get(connection, "c") is None


def test_a_finished_row_takes_the_place_of_the_running_one(connection: sqlite3.Connection) -> None:
    requests.save(connection, row("a", status="running", http_status=0))
    requests.save(connection, row("a", completion_tokens=5))
    assert requests.get(connection, "a") == row("a", completion_tokens=5)
    assert ids(connection) == ["a"]


def test_only_running_rows_are_interrupted(connection: sqlite3.Connection) -> None:
    for status in ("running", "ok", "error", "cancelled"):
        requests.save(connection, row(status, status=status))
    assert requests.interrupt_running(connection) == 1
    assert requests.interrupt_running(connection) == 0
    ended = requests.get(connection, "running")
    assert ended is not None
    assert (ended.status, ended.error_code) == ("interrupted", "interrupted")


def test_deleting_forgets_what_is_named_and_never_what_runs(
    connection: sqlite3.Connection,
) -> None:
    for at_s in range(5):
        requests.save(connection, row(f"r{at_s}", created_s=float(at_s)))
    requests.save(connection, row("live", created_s=0.0, status="running"))
    assert requests.delete(connection, "r1")
    assert not requests.delete(connection, "r1")
    assert requests.delete_before(connection, 3.0) == 2
    assert ids(connection) == ["r4", "r3", "live"]


FILTERS = [
    ("all", Filter(), ["d", "c", "b", "a"]),
    ("model", Filter(model="big"), ["b"]),
    ("status", Filter(status="error"), ["d", "c"]),
    ("dialect", Filter(dialect="ollama"), ["c"]),
    ("since", Filter(since_s=2.0), ["d", "c", "b"]),
    ("until", Filter(until_s=2.0), ["a"]),
    ("both ends", Filter(since_s=2.0, until_s=4.0), ["c", "b"]),
    ("text in error", Filter(text="DISK"), ["d"]),
    ("text in client", Filter(text="curl"), ["a"]),
    ("percent is a character", Filter(text="%"), ["c"]),
    ("underscore is a character", Filter(text="_"), []),
    ("combined", Filter(status="error", text="full"), ["d"]),
    ("sql is text", Filter(text="' OR 1=1 --"), []),
]


@pytest.mark.parametrize(
    ("which", "expected"), [case[1:] for case in FILTERS], ids=[case[0] for case in FILTERS]
)
def test_filters(connection: sqlite3.Connection, which: Filter, expected: list[str]) -> None:
    for each in (
        row("a", created_s=1.0, client="curl/8"),
        row("b", created_s=2.0, model="big"),
        row("c", created_s=3.0, dialect="ollama", status="error", error_message="100% busy"),
        row("d", created_s=4.0, status="error", error_message="the disk is full"),
    ):
        requests.save(connection, each)
    assert ids(connection, which) == expected


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("created", ["c", "b", "a"]),
        ("ttft", ["a", "c", "b"]),
        ("total", ["b", "c", "a"]),
        ("completion_tokens", ["c", "b", "a"]),
    ],
)
def test_sorting_puts_unknown_values_below_all(
    connection: sqlite3.Connection, sort: Sort, expected: list[str]
) -> None:
    requests.save(connection, row("a", created_s=1.0, ttft_ms=9.0))
    requests.save(connection, row("b", created_s=2.0, total_ms=5.0, completion_tokens=0))
    requests.save(connection, row("c", created_s=3.0, ttft_ms=1.0, completion_tokens=4))
    assert ids(connection, sort=sort) == expected
    assert ids(connection, sort=sort, is_ascending=True) == expected[::-1]


@pytest.mark.parametrize("cursor", ["", "x", "!!!", "e30=", "WzEsMl0=", "WyJhIiwgMV0=", "é"])
def test_a_cursor_of_ones_own_making_is_refused(
    connection: sqlite3.Connection, cursor: str
) -> None:
    with pytest.raises(InvalidRequest, match="not a cursor"):
        requests.page(connection, Filter(), after=cursor)


_rows = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["demo", "big"]), st.none() | st.integers(0, 3)),
    max_size=25,
)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    shapes=_rows,
    limit=st.integers(1, 7),
    sort=st.sampled_from(["created", "ttft"]),
    is_ascending=st.booleans(),
    model=st.sampled_from([None, "demo"]),
)
def test_pages_joined_are_the_whole_list_in_order(
    shapes: list[tuple[int, str, int | None]],
    limit: int,
    sort: Sort,
    is_ascending: bool,
    model: str | None,
) -> None:
    rows = [
        row(f"r{number:02}", created_s=at_s + 0.1, model=name, ttft_ms=ttft)
        for number, (at_s, name, ttft) in enumerate(shapes)
    ]
    expected = sorted(
        (each for each in rows if model in (None, each.model)),
        key=lambda each: (_key(each, sort), each.id),
        reverse=not is_ascending,
    )
    seen: list[str] = []
    with closing(fresh()) as connection:
        for each in rows:
            requests.save(connection, each)
        after: str | None = None
        while True:
            found = requests.page(
                connection, Filter(model=model), sort=sort, is_ascending=is_ascending,
                limit=limit, after=after,
            )  # fmt: skip
            seen += [each.id for each in found.rows]
            after = found.next
            assert len(found.rows) <= limit
            if after is None:
                break
            newest = row(f"z{len(seen)}", created_s=-1.0 if is_ascending else 99.0, model="demo")
            requests.save(connection, newest)  # comes before every cursor, so it is never seen
            if sort == "ttft":
                requests.delete(connection, newest.id)
    assert seen == [each.id for each in expected]


def _key(each: RequestRow, sort: Sort) -> float:
    value = each.created_s if sort == "created" else each.ttft_ms
    return -1.0 if value is None else value


def test_a_cursor_keeps_every_digit_of_a_time(connection: sqlite3.Connection) -> None:
    for number in range(3):
        requests.save(connection, row(f"r{number}", created_s=1_763_712_345.678901 + number))
    first = requests.page(connection, Filter(), limit=1)
    assert first.next is not None
    assert ids(connection, after=first.next) == ["r1", "r0"]
    assert ids(connection, after=first.next, limit=1) == ["r1"]
