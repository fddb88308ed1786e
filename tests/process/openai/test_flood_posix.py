"""Ten thousand requests at once to a real daemon: each is answered or refused, nobody else is."""

import asyncio
import resource
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil
import pytest

from tests.process.fleet.yard import entry, scripted_fleet, until
from tests.support.daemon import running_daemon
from tests.support.scripted import TOKEN, NoMetrics, Rows
from tests.support.scripted_daemon import MODULE, SCRIPT
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
CONNECTIONS = 4096
# A guard against hanging: so many take their time
CROWD_S = 300.0
# What one may cost the daemon while it waits, and chunks of the stream beside that come meanwhile
BYTES_OF_A_CONNECTION = 64 * 1024
CHUNKS_BESIDE = 50
CHUNK = b"data: {"
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


def _request(
    number: int, port: int, *, key: str = "", more: Mapping[str, object] | None = None
) -> bytes:
    message = {"role": "user", "content": f"number {number}"}
    body = msgspec.json.encode({"model": "demo", "messages": [message], **(more or {})})
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"Authorization: Bearer {key}\r\nConnection: close\r\n\r\n"
    ).encode() + body


async def _ask(number: int, port: int, *, key: str = "") -> tuple[int, str]:
    """Status and text of the answer, or status and code of the error."""
    async with connected(port) as raw:
        raw.writer.write(_request(number, port, key=key))
        status, headers, body = await raw.answer(limit_s=CROWD_S)
    if status == 200:
        return status, msgspec.json.decode(body)["choices"][0]["message"]["content"]
    assert "retry-after" in headers
    return status, error_code(body)


def _affordable() -> int:
    """As many requests as this process may have sockets for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = N_REQUESTS + FILES_BESIDE
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(N_REQUESTS, soft - FILES_BESIDE)


async def _listen(port: int, key: str, seen: bytearray) -> None:
    """A long stream, as it comes."""
    long = {"stream": True, "ignore_eos": True, "max_tokens": 3500}
    async with connected(port) as raw:
        raw.writer.write(_request(-1, port, key=key, more=long))
        while piece := await raw.reader.read(65536):
            seen += piece


async def _watch(pid: int, seen: list[int]) -> None:
    """Memory of a process, again and again."""
    process = psutil.Process(pid)
    while True:
        seen.append(process.memory_info().rss)
        await asyncio.sleep(0.05)


async def test_each_of_ten_thousand_at_once_gets_its_answer_or_is_told_why_not(
    tmp_path: Path,
) -> None:
    script = tmp_path / "script.json"
    script.write_bytes(msgspec.json.encode(Script(step_delay_s=0.002)))
    n_requests, stream, memory_bytes = _affordable(), bytearray(), list[int]()
    limits = (f"connections={CONNECTIONS}", "header_timeout_s=120")
    flags = [part for limit in limits for part in ("--set", f"limits.{limit}")]
    with running_daemon(
        tmp_path / "home", *flags, module=MODULE, environment={SCRIPT: str(script)}
    ) as daemon:
        daemon.wait_ready()
        port, key = daemon.record.port, daemon.token
        beside = [
            asyncio.create_task(_listen(port, key, stream)),
            asyncio.create_task(_watch(daemon.process.pid, memory_bytes)),
        ]
        await until(lambda: stream.count(CHUNK) > 0 and bool(memory_bytes))
        before = stream.count(CHUNK)
        answers = await asyncio.gather(*(_ask(n, port, key=key) for n in range(n_requests)))
        after = stream.count(CHUNK)
        for task in beside:
            task.cancel()
        told = msgspec.json.decode(daemon.get("/api/v1/status")[1])
    for number, (status, text) in enumerate(answers):
        assert (status, text) == (200, f"number {number}") or (status, text) in REFUSALS
    assert Counter(status for status, _ in answers)[200] >= LimitSettings().queued_requests
    assert b'"error"' not in stream
    assert after - before >= CHUNKS_BESIDE
    assert max(memory_bytes) - memory_bytes[0] < CONNECTIONS * BYTES_OF_A_CONNECTION
    assert told["queue"]["requests"] == 0


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
