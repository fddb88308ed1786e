"""Alive, ready, counted."""

from tests.support.asgi import call
from tests.support.scripted import Stage


async def test_health_says_that_the_server_is_up() -> None:
    answer = await call(Stage().app(), "GET", "/health")
    assert (answer.status, answer.json) == (200, {"status": "ok"})


async def test_while_history_cannot_be_written_every_answer_says_so() -> None:
    stage = Stage()
    stage.rows.degraded = "database or disk is full"
    answer = await call(stage.app(), "GET", "/health")
    reason = "history is held in memory: database or disk is full"
    assert (answer.status, answer.json) == (200, {"status": "degraded", "reason": reason})
    assert answer.headers["x-velocity-history"] == "degraded"
    assert (await call(stage.app(), "GET", "/v1/models")).headers["x-velocity-history"]
    stage.rows.degraded = None
    assert "x-velocity-history" not in (await call(stage.app(), "GET", "/v1/models")).headers


async def test_ready_says_that_a_model_can_answer() -> None:
    assert (await call(Stage().app(), "GET", "/ready")).json == {"status": "ok"}


async def test_not_ready_says_why_and_when_to_ask_again() -> None:
    stage = Stage()
    stage.runner.is_ready = False
    answer = await call(stage.app(), "GET", "/ready")
    assert answer.status == 503
    assert answer.json == {"status": "not_ready", "reason": "demo is loading"}
    assert answer.headers["retry-after"] == "1"


async def test_metrics_are_prometheus_text() -> None:
    answer = await call(Stage().app(), "GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert answer.body.endswith(b"velocity_up 1\n")
