"""Absent is None with a reason, whatever it is that is absent."""

from msgspec.structs import replace

from velocity_local.daemon.telemetry.reasons import absent, reasons
from velocity_local.wire.http.admin import CpuItem, GpuItem, GpuProcess, MemoryItem
from velocity_local.wire.http.telemetry import (
    DiskItem,
    PowerItem,
    ProcessItem,
    TelemetryAnswer,
)

SILENT = TelemetryAnswer(
    at_s=0.0,
    cpu=CpuItem("x", None, 1, (), None, None),
    memory=MemoryItem(1, 1, 0, 0),
    memory_pressure=None,
    disk=DiskItem(None, None, None, None),
    processes=(ProcessItem(7, "", None, None, None),),
    gpus=(
        GpuItem(0, "H100", "", None, None, None, None, None, processes=(GpuProcess(9, None),)),
        GpuItem(1, "Apple M2 GPU", "", 1, 1, 0.5, None, None, throttling=(), processes=()),
    ),
    power=PowerItem("m", None, {}, None, 0.0, {}),
    reasons={},
)


def test_everything_that_is_none_has_a_reason() -> None:
    told = reasons(SILENT, {})
    assert set(told) == set(absent(SILENT))
    assert all(told.values())
    assert told["power.watts"] == "nothing here tells power"
    assert told["gpus.0.power_w"] == "the driver does not tell it"
    assert told["gpus.0.processes.0.memory_bytes"] == "the driver tells it to administrators only"
    assert told["gpus.1.power_w"] == "macOS tells it to administrators only"
    assert told["cpu.cores"] == "the system does not tell it"


def test_what_is_told_has_none() -> None:
    told = replace(SILENT, disk=DiskItem(1, 1, 0.0, 0.0))
    assert not [path for path in reasons(told, {}) if path.startswith("disk")]


def test_a_reason_that_is_known_comes_first_also_for_what_is_empty() -> None:
    known = {"gpus": "no driver", "power.watts": "asked for too early"}
    assert reasons(SILENT, known) | known == reasons(SILENT, known)
