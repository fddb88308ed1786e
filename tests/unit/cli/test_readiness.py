import pytest

from velocity_local.cli.readiness import Outcome, judge
from velocity_local.core.models import ModelState
from velocity_local.wire.http.admin import HistoryState, StatusAnswer, WorkerItem


def worker(state: ModelState, *, model: str = "demo", error: str | None = None) -> WorkerItem:
    return WorkerItem(
        model=model,
        state=state,
        pid=None,
        started_s=None,
        restarts=0,
        resumes=0,
        running=0,
        waiting=0,
        pending=0,
        used_cells=0,
        cells=0,
        step_ms=0.0,
        rss_bytes=None,
        load_ms=None,
        last_error=error,
    )


def status(
    *workers: WorkerItem,
    is_ready: bool = False,
    reason: str = "",
    preloading: tuple[str, ...] = (),
) -> StatusAnswer:
    return StatusAnswer(
        pid=1,
        release="0.1.0",
        started_s=0.0,
        uptime_s=1.0,
        host="127.0.0.1",
        port=1,
        base_urls={},
        is_ready=is_ready,
        not_ready_reason=reason,
        waiting=0,
        workers=workers,
        history=HistoryState(None, 0, 0),
        lost_log_records=0,
        rss_bytes=1,
        degraded=(),
        preloading=preloading,
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (status(worker("ready"), is_ready=True), Outcome(is_ready=True, model="demo")),
        (
            status(worker("failed", model="a"), worker("ready")),
            Outcome(is_ready=True, model="demo"),
        ),
        (status(worker("loading")), None),
        (status(worker("failed", model="a"), worker("loading")), None),
        (
            status(worker("failed", error="no memory")),
            Outcome(is_ready=False, model=None, reason="demo: no memory"),
        ),
        (
            status(reason="no model is loaded"),
            Outcome(is_ready=False, model=None, reason="no model is loaded"),
        ),
        (status(worker("unloaded")), None),
        (status(preloading=("demo",), reason="no model is loaded"), None),
    ],
    ids=[
        "ready",
        "one of two",
        "loading",
        "one left",
        "failed",
        "nothing to load",
        "not begun",
        "looked for",
    ],
)
def test_waiting_ends_when_nothing_more_will_come(
    given: StatusAnswer, expected: Outcome | None
) -> None:
    assert judge(given) == expected
