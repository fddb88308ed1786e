"""Small parts: exits in words, the scrubbed environment, logs, sizes, joined deltas."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.unit.daemon.fleet.stage import LOADED, MIB, Stage
from velocity_local.core.events import Delta, Event, Finished, Started, ToolCallDelta, Usage
from velocity_local.core.events import EngineTimings as Timings
from velocity_local.core.models import LoadOptions
from velocity_local.daemon.catalog.fit_bytes import OVERHEAD_BYTES
from velocity_local.daemon.fleet.environment import worker_environment
from velocity_local.daemon.fleet.exits import read_exit
from velocity_local.daemon.fleet.ledger import Ledger, estimate_bytes
from velocity_local.daemon.fleet.stream import joined
from velocity_local.daemon.fleet.worker_log import KEPT_LINES, WorkerLog


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (-9, "ended by SIGKILL (from outside"),
        (-11, "ended by SIGSEGV (the engine touched"),
        (-6, "ended by SIGABRT"),
        (-250, "signal 250"),
        (3, "exited with code 3"),
        (0, "exited with code 0"),
        (0xC0000005, "0xC0000005 (access violation)"),
        (None, "ended"),
    ],
)
def test_exits_are_described(code: int | None, expected: str) -> None:
    assert expected in read_exit(code).description


def test_the_last_words_are_told() -> None:
    assert read_exit(-6, "GGML_ASSERT(x) failed").description.endswith(
        "it said last: GGML_ASSERT(x) failed"
    )


def test_a_worker_sees_only_what_it_needs() -> None:
    source = {
        "PATH": "/bin",
        "LC_ALL": "C",
        "OMP_NUM_THREADS": "2",
        "GGML_METAL": "1",
        "LD_LIBRARY_PATH": "/lib",
        "GGML_API_KEY": "secret",
        "HF_TOKEN": "secret",
        "OPENAI_API_KEY": "secret",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "VELOCITY_HOME": "/private",
        "LD_PRELOAD": "/evil.so",
        "PYTHONSTARTUP": "/evil.py",
        "HOME": "/somewhere",
        "SSH_AUTH_SOCK": "/run/agent",
    }
    seen = worker_environment(source)
    assert "secret" not in seen.values()
    assert set(seen) == {
        "PATH",
        "LC_ALL",
        "OMP_NUM_THREADS",
        "GGML_METAL",
        "LD_LIBRARY_PATH",
        "CUDA_DEVICE_ORDER",
        "GOMP_SPINCOUNT",
        "PYTHONPATH",
        "PYTHONUTF8",
        "PYTHONFAULTHANDLER",
    }


@pytest.mark.parametrize("asked", [{"GOMP_SPINCOUNT": "9"}, {"OMP_WAIT_POLICY": "passive"}])
def test_threads_wait_the_way_the_user_says(asked: dict[str, str]) -> None:
    seen = worker_environment(asked)
    assert {name: seen[name] for name in seen if "OMP" in name} == asked


def test_a_log_keeps_the_last_lines_and_caps_its_file(tmp_path: Path) -> None:
    log = WorkerLog(tmp_path / "logs" / "w.log", file_bytes=1000)
    for number in range(300):
        log.write(f"line {number:04d}\nhalf".encode())
        log.write(b" and half\n")
    tail = log.tail()
    assert (len(tail), tail[-2:]) == (KEPT_LINES, ("line 0299", "half and half"))
    sizes = [path.stat().st_size for path in (tmp_path / "logs").iterdir()]
    assert len(sizes) <= 2
    assert sum(sizes) <= 2 * 1100


def test_a_flood_without_lines_stays_bounded(tmp_path: Path) -> None:
    log = WorkerLog(tmp_path / "w.log", file_bytes=1000)
    for _ in range(100):
        log.write(b"x" * 100_000)
    assert sum(len(line) for line in log.tail()) <= 4096
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2000


def test_a_log_that_cannot_be_written_counts_what_is_lost(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    log = WorkerLog(tmp_path / "file" / "w.log")
    log.write(b"line\n")
    assert (log.lost_writes, log.tail()) == (1, ("line",))


def test_log_lines_are_safe_to_print(tmp_path: Path) -> None:
    log = WorkerLog(tmp_path / "w.log")
    log.write(b"\x1b]52;c;x\x07\xff ok\n")
    log.note("ended")
    assert all(line.isprintable() for line in log.tail())
    assert log.last_words().endswith("ok")


def test_sizes_are_estimated_until_they_are_measured() -> None:
    entry = Stage().entry("m")
    options = LoadOptions(n_ctx=1000)
    ledger = Ledger()
    assert ledger.size_bytes(entry, options) == estimate_bytes(entry, options) > 128 * MIB
    ledger.record(entry, options, LOADED)
    assert ledger.size_bytes(entry, options) == estimate_bytes(entry, options)
    ledger.record(entry, options, msgspec.structs.replace(LOADED, memory_bytes=5 * MIB))
    assert ledger.size_bytes(entry, options) == 5 * MIB + OVERHEAD_BYTES


EVENTS = st.lists(
    st.one_of(
        st.builds(
            Delta,
            st.integers(0, 2),
            st.tuples(st.integers(0, 9)),
            st.text(max_size=3),
            st.text(max_size=3),
            st.lists(
                st.builds(ToolCallDelta, st.just(0), st.none(), st.none(), st.text(max_size=2)),
                max_size=2,
            ).map(tuple),
        ),
        st.builds(Started, st.integers(0, 2), st.just(1), st.just(0)),
        st.integers(0, 2).map(
            lambda index: Finished(index, "stop", Usage(1, 1), Timings(0.0, 0.0, 0.0))
        ),
    ),
    max_size=30,
)


@given(EVENTS)
@hypothesis_settings(derandomize=True, max_examples=100)
def test_joining_deltas_changes_nothing_of_any_choice(events: list[Event]) -> None:
    for index in range(3):
        assert _story(events, index) == _story(joined(events), index)


def _story(events: list[Event], index: int) -> list[object]:
    """What one choice went through, letter by letter."""
    story: list[object] = []
    for event in events:
        if event.index != index:
            continue
        if not isinstance(event, Delta):
            story.append(event)
            continue
        arguments = "".join(call.arguments for call in event.tool_calls)
        if not story or not isinstance(story[-1], tuple):
            story.append(((), "", "", ""))
        last = story.pop()
        assert isinstance(last, tuple)
        pieces = (event.tokens, event.text, event.reasoning, arguments)
        story.append(tuple(old + new for old, new in zip(last, pieces, strict=True)))
    return story
