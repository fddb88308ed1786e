"""Every source against readings as systems give them: trees in a folder, a library's stub, the
words of a command. What is absent is None, with a reason.
"""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pynvml
import pytest

from velocity_local.daemon.telemetry import amd, apple, gpus, rapl
from velocity_local.daemon.telemetry.driver import Driver
from velocity_local.daemon.telemetry.found import Found
from velocity_local.daemon.telemetry.nvidia import read_gpu
from velocity_local.wire.http.admin import GpuItem, GpuProcess


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


CARD = {
    "card0/device/vendor": "0x1002\n",
    "card0/device/device": "0x744c\n",
    "card0/device/gpu_busy_percent": "37\n",
    "card0/device/mem_info_vram_total": "25753026560\n",
    "card0/device/mem_info_vram_used": "1073741824\n",
    "card0/device/unique_id": "f00d\n",
    "card0/device/hwmon/hwmon4/power1_average": "48000000\n",
    "card0/device/hwmon/hwmon4/power1_cap": "327000000\n",
    "card0/device/hwmon/hwmon4/temp1_input": "51000\n",
    "card0/device/hwmon/hwmon4/freq1_input": "2304000000\n",
    "card0-DP-1/status": "connected\n",
    "card1/device/vendor": "0x8086\n",
}


def test_an_amd_card_tells_what_its_driver_shows(tmp_path: Path) -> None:
    (gpu,) = amd.look(tree(tmp_path, CARD)).gpus
    assert (gpu.name, gpu.uuid, gpu.use) == ("AMD 0x744c", "f00d", 0.37)
    assert (gpu.memory_total_bytes, gpu.memory_used_bytes) == (25753026560, 1073741824)
    assert gpu.power_w == pytest.approx(48.0)
    assert gpu.power_limit_w == pytest.approx(327.0)
    assert gpu.temperature_c == pytest.approx(51.0)
    assert gpu.clock_mhz == pytest.approx(2304.0)
    assert gpu.memory_clock_mhz is None


def test_an_amd_card_may_tell_little_or_nonsense(tmp_path: Path) -> None:
    files = {"card0/device/vendor": "0x1002", "card0/device/gpu_busy_percent": "soon"}
    (gpu,) = amd.look(tree(tmp_path, files)).gpus
    assert (gpu.use, gpu.power_w, gpu.memory_total_bytes) == (None, None, None)
    assert amd.look(tmp_path / "none").reason == "no AMD driver"


IOREG = """
+-o AGXAcceleratorG14X  <class AGXAcceleratorG14X, id 0x1000004b4>
    {
      "model" = "Apple M2 Pro"
      "PerformanceStatistics" = {"In use system memory"=1843593216,"Device Utilization %"=23}
    }
"""


def mac(**answers: str) -> apple.Run:
    def run(command: Sequence[str]) -> str:
        return next((told for word, told in answers.items() if word in " ".join(command)), "")

    return run


def test_an_apple_gpu_tells_use_and_memory_and_no_power() -> None:
    (gpu,) = apple.read(mac(ioreg=IOREG, memsize="17179869184\n")).gpus
    assert (gpu.name, gpu.use) == ("Apple M2 Pro GPU", 0.23)
    assert (gpu.memory_used_bytes, gpu.memory_total_bytes) == (1843593216, 17179869184)
    assert gpu.power_w is None


def test_a_mac_that_tells_nothing_gives_its_reason() -> None:
    assert apple.read(mac()).reason == "ioreg does not tell of the GPU"
    (gpu,) = apple.read(mac(ioreg="nothing of use")).gpus
    assert (gpu.use, gpu.memory_used_bytes, gpu.memory_total_bytes) == (None, None, None)


@pytest.mark.parametrize(
    ("told", "level"), [("1\n", "normal"), ("2\n", "warning"), ("4\n", "critical"), ("", None)]
)
def test_memory_pressure_is_the_systems_own_word(told: str, level: str | None) -> None:
    assert apple.pressure(mac(pressure=told)) == level


PACKAGE = {
    "intel-rapl:0/name": "package-0\n",
    "intel-rapl:0/energy_uj": "5000000\n",
    "intel-rapl:0/max_energy_range_uj": "262143328850\n",
    "intel-rapl:0:0/name": "core\n",
    "intel-rapl:0:0/energy_uj": "1000000\n",
}


def test_packages_are_read_without_their_parts(tmp_path: Path) -> None:
    found = rapl.read(tree(tmp_path, PACKAGE))
    assert [(counter.name, counter.joules) for counter in found.counters] == [("package-0", 5.0)]
    assert found.reason is None


def test_power_is_what_was_counted_between_two_looks(tmp_path: Path) -> None:
    before = rapl.read(tree(tmp_path, PACKAGE))
    after = rapl.read(tree(tmp_path, {"intel-rapl:0/energy_uj": "65000000"}))
    assert rapl.watts(before, after, 2.0) == pytest.approx({"package-0": 30.0})


def test_a_counter_that_began_again_gives_no_negative_power(tmp_path: Path) -> None:
    small = PACKAGE | {"intel-rapl:0/max_energy_range_uj": "10000000"}
    before = rapl.read(tree(tmp_path, small | {"intel-rapl:0/energy_uj": "9000000"}))
    after = rapl.read(tree(tmp_path, {"intel-rapl:0/energy_uj": "1000000"}))
    assert rapl.watts(before, after, 1.0) == pytest.approx({"package-0": 2.0})
    assert rapl.watts(before, after, 0.0) == {}


def test_counters_that_are_not_there_or_broken_have_a_reason(tmp_path: Path) -> None:
    assert "no energy counters" in (rapl.read(tmp_path).reason or "")
    broken = tree(tmp_path, PACKAGE | {"intel-rapl:0/energy_uj": "?"})
    assert rapl.read(broken).reason == "intel-rapl:0 cannot be read"


class Nvml:
    """A stub of the library: what `silent` names is not supported by this processor."""

    NVMLError = pynvml.NVMLError
    NVML_TEMPERATURE_GPU = pynvml.NVML_TEMPERATURE_GPU
    NVML_CLOCK_GRAPHICS = pynvml.NVML_CLOCK_GRAPHICS
    NVML_CLOCK_MEM = pynvml.NVML_CLOCK_MEM
    ANSWERS: ClassVar[dict[str, Any]] = {
        "Name": "NVIDIA H100 80GB HBM3",
        "UUID": "GPU-1",
        "MemoryInfo": SimpleNamespace(total=85520809984, used=1000),
        "UtilizationRates": SimpleNamespace(gpu=42, memory=3),
        "PowerUsage": 121_500,
        "EnforcedPowerLimit": 700_000,
        "Temperature": 33,
        "ClockInfo": 1980,
        "CurrentClocksEventReasons": 0x04 | 0x40 | 0x01,
        "ComputeRunningProcesses": [SimpleNamespace(pid=7, usedGpuMemory=None)],
    }

    def __init__(self, *silent: str) -> None:
        self._silent = silent

    def __getattr__(self, name: str) -> Any:
        what = name.removeprefix("nvmlDeviceGet")

        def answer(*_: object) -> Any:
            if what in self._silent:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
            return self.ANSWERS.get(what)

        return answer


def test_an_nvidia_processor_tells_everything() -> None:
    gpu = read_gpu(Nvml(), 0)
    assert (gpu.use, gpu.power_w, gpu.power_limit_w) == (0.42, 121.5, 700.0)
    assert (gpu.clock_mhz, gpu.memory_clock_mhz, gpu.temperature_c) == (1980, 1980, 33)
    assert gpu.throttling == ("power cap", "temperature (hardware)")
    assert gpu.processes == (GpuProcess(7, None),)


@pytest.mark.parametrize("what", sorted(Nvml.ANSWERS))
def test_whatever_it_does_not_support_is_none_and_the_rest_stays(what: str) -> None:
    whole, without = read_gpu(Nvml(), 0), read_gpu(Nvml(what), 0)
    fields = GpuItem.__struct_fields__
    changed = {name for name in fields if getattr(whole, name) != getattr(without, name)}
    assert changed
    assert all(getattr(without, name) in {None, "", "NVIDIA"} for name in changed)


def a_gpu(name: str, index: int = 0) -> GpuItem:
    return GpuItem(index, name, "", None, None, None, None, None)


def test_looks_of_several_makers_are_one() -> None:
    found = gpus.joined(Found(reason="no NVIDIA driver"), Found((a_gpu("A"),), "amdgpu"))
    assert (found.gpus, found.driver, found.reason) == ((a_gpu("A"),), "amdgpu", None)
    none = gpus.joined(Found(reason="no NVIDIA driver"), Found(reason="no AMD driver"))
    assert none.reason == "no NVIDIA driver; no AMD driver"


def test_processors_of_two_makers_have_numbers_of_their_own() -> None:
    """Each maker counts from 0; a metrics page with one number twice could not be read."""
    found = gpus.joined(Found((a_gpu("N"),), "555"), Found((a_gpu("A"), a_gpu("B", 1)), "amdgpu"))
    assert [(gpu.index, gpu.name) for gpu in found.gpus] == [(0, "N"), (1, "A"), (2, "B")]


async def test_a_driver_that_failed_its_trial_is_not_asked_again_and_others_are() -> None:
    def never() -> Found:
        raise AssertionError("it might hang")

    hung = Driver("NVIDIA", lambda: Found(reason="it did not answer"), never)
    fine = Driver("AMD", lambda: Found((a_gpu("A"),), "amdgpu"))
    for _ in range(2):
        assert (await gpus.look([hung, fine])).gpus == (a_gpu("A"),)
