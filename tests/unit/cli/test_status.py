from msgspec.structs import replace

from tests.unit.daemon.telemetry.test_metrics import STATUS
from velocity_local.cli.status import _fields
from velocity_local.core.queueing import QueueState

QUEUE = QueueState(
    requests=3,
    tokens=1200,
    most_requests=256,
    most_tokens=1_000_000,
    longest_wait_s=75.0,
    classes={"interactive": 0, "api": 3, "batch": 0},
    models=(),
)


def test_who_waits_is_told_in_requests_tokens_and_time() -> None:
    waiting = _fields(replace(STATUS, waiting=3, queue=QUEUE))["waiting"]
    assert waiting == "3 requests of about 1200 tokens, the longest for 1 min 15 s"


def test_nothing_is_said_while_nobody_waits() -> None:
    assert _fields(replace(STATUS, waiting=0, queue=QUEUE))["waiting"] == ""


def test_a_daemon_that_does_not_tell_more_is_shown_with_what_it_tells() -> None:
    assert _fields(replace(STATUS, waiting=2, queue=None))["waiting"] == "2 requests"
