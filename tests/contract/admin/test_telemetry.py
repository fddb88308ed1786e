"""The machine over the API: this machine's own numbers, and reasons for what is not known."""

import msgspec
import psutil

from tests.contract.admin.conftest import Daemon
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
    assert told.reasons["power"] == "nothing here tells power"
    assert "no energy counters" in told.reasons["power.cpu"]
    assert (told.disk.read_bytes_per_s, told.processes[0].cpu) == (None, None)


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
