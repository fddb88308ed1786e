"""Ten thousand requests at once, over sockets, to a real worker: each is answered or refused."""

import asyncio
import resource
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from tests.process.fleet.yard import entry, scripted_fleet, until
from tests.support.scripted import TOKEN, NoMetrics, Rows
from tests.support.sockets import connected, error_code, listening
from velocity_local.config.settings import LimitSettings, Settings
from velocity_local.core.clock import SystemClock
from velocity_local.core.ids import IdSource
from velocity_local.core.models import ModelEntry
from velocity_local.daemon.fleet.client import Fleet
from velocity_local.daemon.gateway.admission import Bounds
from velocity_local.daemon.gateway.pipeline import Gateway
from velocity_local.daemon.server.access import Caller, Credentials, digest
from velocity_local.daemon.server.litestar import create_app
from velocity_local.worker.backends.fake.script import Script

pytestmark = pytest.mark.process

N_REQUESTS = 10_000
FILES_BESIDE = 500
REFUSALS = {(429, "queue_full"), (503, "overloaded"), (503, "queue_timeout")}


@dataclass
class Models:
    known: ModelEntry

    async def entries(self) -> list[ModelEntry]:
        return [self.known]

    async def resolve(self, _: str) -> ModelEntry:
        return self.known


def _gateway(fleet: Fleet, folder: Path, rows: Rows, bounds: Bounds) -> Gateway:
    return Gateway(
        models=Models(entry("fake", folder / "fake")),
        runner=fleet,
        recorder=rows,
        meter=rows,
        clock=SystemClock(),
        bounds=bounds,
        request_timeout_s=300.0,
        keep_text=False,
    )


def _request(number: int, port: int, *, key: str = "", headers: str = "") -> bytes:
    message = {"role": "user", "content": f"number {number}"}
    body = msgspec.json.encode({"model": "fake", "messages": [message]})
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"Authorization: Bearer {key}\r\nConnection: close\r\n{headers}\r\n"
    ).encode() + body


async def _ask(number: int, port: int, **more: str) -> tuple[int, str]:
    """Status and text of the answer, or status and code of the error."""
    async with connected(port) as raw:
        raw.writer.write(_request(number, port, **more))
        status, headers, body = await raw.answer()
    if status == 200:
        return status, msgspec.json.decode(body)["choices"][0]["message"]["content"]
    assert "retry-after" in headers
    return status, error_code(body)


def _affordable() -> int:
    """As many requests as this process may have sockets for, at both ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * N_REQUESTS + FILES_BESIDE
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(N_REQUESTS, (soft - FILES_BESIDE) // 2)


async def test_each_of_ten_thousand_at_once_gets_its_answer_or_is_told_why_not(
    tmp_path: Path,
) -> None:
    rows, limits = Rows(), LimitSettings(connections=4096)
    async with scripted_fleet(tmp_path, {"fake": Script(step_delay_s=0.002)}) as fleet:
        gateway = _gateway(fleet, tmp_path, rows, Bounds(256, 1_000_000))
        app = create_app(
            gateway,
            NoMetrics(),
            Settings(limits=limits),
            credentials=Credentials.of(TOKEN),
            clock=SystemClock(),
            ids=IdSource(),
        )
        async with listening(app, limits) as port:
            asked = [_ask(number, port) for number in range(_affordable())]
            answers = await asyncio.gather(*asked)
        assert gateway.queue().requests == 0
        assert gateway.queue().tokens == 0
        assert fleet.status()[0].running == fleet.status()[0].waiting == 0
    for number, (status, text) in enumerate(answers):
        assert (status, text) == (200, f"number {number}") or (status, text) in REFUSALS
    kinds = Counter(status for status, _ in answers)
    assert kinds[200] >= 256
    reached = [answer for answer in answers if answer != (503, "overloaded")]
    assert len(rows.begun) == kinds[200]
    assert len(rows.recorded) == len(reached)
    assert Counter(row.http_status for row in rows.recorded) == Counter(s for s, _ in reached)


async def test_a_key_that_floods_does_not_keep_another_waiting(tmp_path: Path) -> None:
    """One slot; the flood's 40 requests wait, and the newcomer is the second to be answered."""
    keys = tuple((digest(f"vl-{name}"), Caller(name)) for name in ("flood", "newcomer"))
    script = Script(step_delay_s=0.01)
    order: list[str] = []

    async def ask(number: int, port: int, name: str) -> None:
        assert (await _ask(number, port, key=f"vl-{name}"))[0] == 200
        order.append(name)

    async with scripted_fleet(tmp_path, {"fake": script}, n_seq_max=1) as fleet:
        app = create_app(
            gateway := _gateway(fleet, tmp_path, Rows(), Bounds(256, 1_000_000)),
            NoMetrics(),
            Settings(),
            credentials=Credentials(digest(TOKEN), keys),
            clock=SystemClock(),
            ids=IdSource(),
        )
        async with listening(app) as port, asyncio.TaskGroup() as tasks:
            for number in range(40):
                tasks.create_task(ask(number, port, "flood"))
            await until(lambda: any(model.waiting >= 30 for model in fleet.status()))
            n_answered = len(order)
            tasks.create_task(ask(99, port, "newcomer"))
    assert gateway.queue().requests == 0
    assert order.index("newcomer") <= n_answered + 3
