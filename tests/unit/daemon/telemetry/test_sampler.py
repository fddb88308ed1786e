"""The machine: what is there is told, what is not is None, and a bad driver is survived."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pynvml
import pytest

from velocity_local.daemon.telemetry import cpu, nvidia
from velocity_local.daemon.telemetry.driver import Driver
from velocity_local.daemon.telemetry.found import Found
from velocity_local.daemon.telemetry.sampler import Sampler
from velocity_local.wire.http.admin import GpuItem

GPU = GpuItem(0, "H", "u", 10, 5, 0.5, 100.0, 40.0)


def test_the_processor_and_the_memory_are_those_of_this_machine() -> None:
    found = cpu.cpu()
    assert found.threads == psutil.cpu_count() == len(found.use)
    assert all(0 <= share <= 1 for share in found.use)
    assert found.name
    assert cpu.memory().total_bytes == psutil.virtual_memory().total
    assert cpu.rss_bytes() > 1_000_000


async def test_without_a_driver_the_reason_is_told_and_nothing_is_tried_again(
    tmp_path: Path,
) -> None:
    calls: list[str] = []

    def probe() -> Found:
        calls.append("probe")
        return Found(reason="no NVIDIA driver")

    sampler = Sampler(tmp_path, drivers=[Driver("NVIDIA", probe)])
    for _ in range(2):
        found = await sampler.sample()
        assert (found.gpus, found.gpu_reason) == ((), "no NVIDIA driver")
    assert calls == ["probe"]


async def test_after_a_good_probe_the_driver_is_asked_directly(tmp_path: Path) -> None:
    looks = iter([Found((GPU,), "555"), Found((GPU,), "555")])
    driver = Driver("NVIDIA", lambda: Found((GPU,), "555"), lambda: next(looks))
    sampler = Sampler(tmp_path, drivers=[driver])
    for _ in range(3):
        found = await sampler.sample()
        assert (found.gpus, found.gpu_driver, found.gpu_reason) == ((GPU,), "555", None)


async def test_a_driver_that_hangs_is_left_alone(tmp_path: Path) -> None:
    release = threading.Event()
    looks: list[str] = []

    def hang() -> Found:
        looks.append("look")
        release.wait()
        return Found()

    probe = Driver("A", hang, timeout_s=0.01)
    later = Driver("B", lambda: Found((GPU,)), hang, timeout_s=0.01)
    sampler = Sampler(tmp_path, drivers=[probe, later])
    assert (await sampler.sample()).gpus == (GPU,)
    for _ in range(2):
        told = await sampler.sample()
        assert told.gpu_reason == "; ".join(
            f"the {name} driver did not answer in 0.01 s" for name in "AB"
        )
    assert looks == ["look", "look"]
    release.set()


async def test_a_disk_that_is_not_there_has_no_free_space_to_tell(tmp_path: Path) -> None:
    sampler = Sampler(tmp_path / "none", drivers=[])
    assert (await sampler.sample()).disk_free_bytes is None


PROBES = [
    ("crash", "import os; os.abort()", "ended with status"),
    ("nonsense", "print('42 GPUs')", "makes no sense"),
    ("hang", "import threading; threading.Event().wait()", "did not answer within"),
    ("fine", 'print(\'{"driver": "555"}\')', None),
]


@pytest.mark.parametrize(
    ("program", "reason"), [case[1:] for case in PROBES], ids=[case[0] for case in PROBES]
)
def test_a_probe_survives_whatever_the_driver_does(
    monkeypatch: pytest.MonkeyPatch, program: str, reason: str | None
) -> None:
    monkeypatch.setattr(nvidia, "_MARKS", {sys.platform: (sys.executable,)})
    monkeypatch.setattr(nvidia, "PROBE_TIMEOUT_S", 0.3 if "wait" in program else 20.0)
    found = nvidia.probe((sys.executable, "-S", "-c", program))
    assert (found.reason is None) == (reason is None)
    assert (reason or "") in (found.reason or "")


def test_without_the_drivers_marks_no_process_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "_MARKS", {})
    assert nvidia.probe(("/nonexistent",)).reason == "no NVIDIA driver"


@pytest.mark.parametrize(
    ("percent", "share"), [(0, 0.0), (50, 0.5), (100, 1.0), (None, None), (-1, None), (6000, None)]
)
def test_nonsense_from_a_driver_is_not_a_share(percent: float | None, share: float | None) -> None:
    assert nvidia._share(percent) == share


class Memory:
    total, used = 80 * 2**30, 2**30


class Rates:
    gpu = 37


def _driver(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """NVML as a healthy driver answers, but for a fan-less, power-less processor."""

    def not_supported(*_: object) -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    answers: dict[str, Callable[..., object]] = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlSystemGetDriverVersion": lambda: "555.42",
        "nvmlDeviceGetCount": lambda: count,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": lambda _: "H200",
        "nvmlDeviceGetUUID": lambda index: f"GPU-{index}",
        "nvmlDeviceGetMemoryInfo": lambda _: Memory,
        "nvmlDeviceGetUtilizationRates": lambda _: Rates,
        "nvmlDeviceGetPowerUsage": not_supported,
        "nvmlDeviceGetTemperature": lambda *_: 41,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(pynvml, name, answer)


def test_processors_are_told_with_none_for_what_they_do_not_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _driver(monkeypatch, 2)
    found = nvidia.Session().look()
    assert (found.driver, found.reason, len(found.gpus)) == ("555.42", None, 2)
    assert found.gpus[1] == GpuItem(1, "H200", "GPU-1", 80 * 2**30, 2**30, 0.37, None, 41)


def test_a_driver_without_processors_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    _driver(monkeypatch, 0)
    assert nvidia.Session().look().reason == "the NVIDIA driver knows no processor"


def test_this_machine_has_processors_or_a_reason_why_not() -> None:
    found = nvidia.Session().look()
    assert bool(found.gpus) != bool(found.reason)
