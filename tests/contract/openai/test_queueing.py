"""The queue as a client sees it: what it may ask for in headers, and what it is told."""

import asyncio
from collections.abc import Mapping

import msgspec
import pytest

from tests.support.asgi import Answer, call
from tests.support.scripted import TOKEN, Stage, hello
from velocity_local.config.settings import LimitSettings
from velocity_local.core.queueing import PRIORITIES, QueueTerms
from velocity_local.daemon.gateway.admission import Bounds
from velocity_local.daemon.server.access import Caller, Credentials, digest

CHAT = "/v1/chat/completions"
BODIES: dict[str, dict[str, object]] = {
    CHAT: {"messages": [{"role": "user", "content": "hi"}]},
    "/v1/completions": {"prompt": ["a", "b"]},
}


async def ask(
    stage: Stage,
    path: str = CHAT,
    *,
    stream: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    body = msgspec.json.encode({"model": "demo", "stream": stream, **BODIES[path]})
    return await call(stage.app(), "POST", path, body=body, headers=headers)


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("priority", PRIORITIES)
async def test_a_header_says_the_class_and_how_long_it_may_wait(path: str, priority: str) -> None:
    stage = Stage()
    headers = {"x-velocity-priority": priority, "x-velocity-queue-timeout": "2.5"}
    answer = await ask(stage, path, headers=headers)
    assert answer.status == 200
    assert {request.queue for request in stage.runner.asked} == {
        QueueTerms(priority, timeout_s=2.5)  # type: ignore[arg-type]  # one of the classes
    }


@pytest.mark.parametrize("path", BODIES)
async def test_a_header_says_how_long_the_model_stays_afterwards(path: str) -> None:
    stage = Stage()
    answer = await ask(stage, path, headers={"x-velocity-keep-alive": "90"})
    assert answer.status == 200
    assert {request.keep_alive_s for request in stage.runner.asked} == {90.0}


async def test_embeddings_take_the_same_headers() -> None:
    stage = Stage()
    headers = {"x-velocity-priority": "batch", "x-velocity-queue-timeout": "2.5"}
    body = msgspec.json.encode({"model": "demo", "input": "a"})
    answer = await call(stage.app(), "POST", "/v1/embeddings", body=body, headers=headers)
    assert answer.status == 200
    assert stage.runner.embedded[0].queue == QueueTerms("batch", timeout_s=2.5)
    late = {"x-velocity-queue-timeout": "0"}
    refused = await call(stage.app(), "POST", "/v1/embeddings", body=body, headers=late)
    assert (refused.status, refused.error["code"]) == (503, "queue_timeout")


async def test_a_key_says_who_waits_and_in_which_class() -> None:
    stage = Stage()
    nightly = digest("vl-night"), Caller("nightly", "batch")
    stage.credentials = Credentials(digest(TOKEN), (nightly,))
    headers = {"authorization": "Bearer vl-night"}
    await ask(stage, headers=headers)
    await ask(stage, headers={**headers, "x-velocity-priority": "interactive"})
    assert [request.queue for request in stage.runner.asked] == [
        QueueTerms("batch", "nightly"),
        QueueTerms("interactive", "nightly"),
    ]


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-velocity-priority", "urgent"),
        ("x-velocity-priority", "Batch"),
        ("x-velocity-queue-timeout", "soon"),
        ("x-velocity-queue-timeout", "nan"),
        ("x-velocity-queue-timeout", "inf"),
        ("x-velocity-queue-timeout", "5s"),
        ("x-velocity-keep-alive", "5m"),
        ("x-velocity-keep-alive", "-1"),
    ],
)
async def test_a_header_that_means_nothing_is_refused_by_name(header: str, value: str) -> None:
    stage = Stage()
    answer = await ask(stage, headers={header: value})
    assert (answer.status, answer.error["param"]) == (400, header)
    assert not stage.runner.asked
    assert [row.status for row in stage.rows.begun] == ["error"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("seconds", ["0", "-3"])
async def test_who_may_wait_no_longer_is_told_so_at_once(seconds: str, *, stream: bool) -> None:
    stage = Stage()
    answer = await ask(stage, stream=stream, headers={"x-velocity-queue-timeout": seconds})
    assert (answer.status, answer.error["code"]) == (503, "queue_timeout")
    assert "retry-after" in answer.headers
    assert not stage.runner.asked


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", BODIES)
async def test_an_answer_tells_how_long_it_waited(path: str, *, stream: bool) -> None:
    answer = await ask(Stage(), path, stream=stream)
    assert int(answer.headers["x-velocity-queue-ms"]) < 1000
    if not stream:
        assert answer.headers["x-velocity-queue-ms"] == "1"  # as the engine told
    assert "x-velocity-queue-position" not in answer.headers


async def test_a_stream_that_still_waits_tells_its_place() -> None:
    held = asyncio.Event()
    stage = Stage(lambda request: [held, *hello(request)])
    stage.limits = LimitSettings(heartbeat_s=0.02)
    first = asyncio.create_task(ask(stage, stream=True))
    await stage.runner.came.wait()
    second = asyncio.create_task(ask(stage, stream=True))
    await asyncio.sleep(0.1)
    state = stage.gateway.queue()
    held.set()
    answers = [await first, await second]
    places = [answer.headers["x-velocity-queue-position"] for answer in answers]
    assert places == ["1", "2"]
    assert answers[1].body.startswith(b": waiting, place 2\n\n")
    assert (state.requests, state.classes["api"]) == (2, 2)
    assert stage.gateway.queue().requests == 0


async def test_too_many_tokens_are_refused_with_figures_and_a_time() -> None:
    held = asyncio.Event()
    stage = Stage(lambda request: [held, *hello(request)], bounds=Bounds(64, 30))
    first = asyncio.create_task(ask(stage))
    await stage.runner.came.wait()
    answer = await ask(stage)
    assert (answer.status, answer.error["code"]) == (429, "queue_full")
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.error["details"]["token_limit"] == 30
    held.set()
    assert (await first).status == 200
