"""The machine over the API: this machine's own numbers, and reasons for what is not known."""

import asyncio

import msgspec
import psutil
import pytest

from tests.contract.admin.conftest import Daemon
from tests.support.scripted import TOKEN
from tests.support.websocket import connected
from velocity_local.daemon.telemetry.reasons import absent
from velocity_local.wire.http.telemetry import TelemetryAnswer


async def look(daemon: Daemon) -> TelemetryAnswer:
    answer = await daemon.get("/telemetry")
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=TelemetryAnswer)


async def test_what_the_machine_tells_is_told(daemon: Daemon) -> None:
    told = await look(daemon)
    assert told.memory.total_bytes == psutil.virtual_memory().total
    assert len(told.cpu.use) == psutil.cpu_count()
    assert told.disk.free_bytes
    (own,) = told.processes
    assert (own.model, own.pid) == ("", psutil.Process().pid)
    assert own.rss_bytes
    assert own.rss_bytes > 10_000_000


async def test_what_is_not_known_is_null_and_has_a_reason(daemon: Daemon) -> None:
    told = await look(daemon)
    assert (told.gpus, told.reasons["gpus"]) == ((), "no NVIDIA driver")
    assert told.power.watts is None
    assert told.reasons["power.watts"] == "nothing here tells power"
    assert "no energy counters" in told.reasons["power.cpu"]
    assert (told.disk.read_bytes_per_s, told.processes[0].cpu) == (None, None)
    assert set(absent(told)) <= set(told.reasons)


async def test_rates_come_with_the_second_look_and_looks_are_shared(daemon: Daemon) -> None:
    first = await look(daemon)
    assert (await look(daemon)).at_s == first.at_s
    daemon.clock.advance(1.0)
    second = await look(daemon)
    assert second.at_s > first.at_s
    assert second.processes[0].cpu is not None


async def test_nothing_of_it_is_for_those_without_the_token(daemon: Daemon) -> None:
    answer = await daemon.http.get("/api/v1/telemetry", headers={"Authorization": "Bearer x"})
    assert answer.status_code == 401


PATH = "/api/v1/telemetry/live"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


def port_of(daemon: Daemon) -> int:
    assert daemon.http.base_url.port is not None
    return daemon.http.base_url.port


async def test_a_socket_is_pushed_one_snapshot_after_the_other(daemon: Daemon) -> None:
    path = f"{PATH}?period_s=0.2"
    async with connected(port_of(daemon), path, AUTHORIZED) as socket:
        assert socket.status == 101
        first = msgspec.json.decode(await socket.text(), type=TelemetryAnswer)
        daemon.clock.advance(1.0)
        socket.say("what is said is not heard")
        second = msgspec.json.decode(await socket.text(), type=TelemetryAnswer)
    assert second.at_s > first.at_s
    assert (await look(daemon)).memory.total_bytes == first.memory.total_bytes


@pytest.mark.parametrize(
    ("headers", "host", "path", "status"),
    [
        ({}, None, PATH, 401),
        ({"Authorization": "Bearer wrong"}, None, PATH, 401),
        (AUTHORIZED | {"Origin": "http://evil.example"}, None, PATH, 403),
        (AUTHORIZED, "evil.example", PATH, 403),
        (AUTHORIZED, None, "/api/v1/nothing", 403),
    ],
    ids=["no token", "a wrong token", "a foreign page", "a foreign Host", "no such path"],
)
async def test_a_handshake_passes_the_same_guards(
    daemon: Daemon, headers: dict[str, str], host: str | None, path: str, status: int
) -> None:
    async with connected(port_of(daemon), path, headers, host=host) as socket:
        assert socket.status == status
    assert (await daemon.get("/status")).status_code == 200


async def test_a_client_that_floods_is_cut_off(daemon: Daemon) -> None:
    async with connected(port_of(daemon), PATH, AUTHORIZED) as socket:
        await socket.text()
        socket.say("x" * 10_000)
        with pytest.raises(ConnectionError):
            await socket.all_texts()


async def test_clients_that_leave_leave_nothing_behind(daemon: Daemon) -> None:
    for _ in range(5):
        async with connected(port_of(daemon), PATH, AUTHORIZED) as socket:
            await socket.text()
    async with asyncio.timeout(20):
        while daemon.monitor.watchers:  # noqa: ASYNC110 - the server sets no event of ours
            await asyncio.sleep(0.01)
