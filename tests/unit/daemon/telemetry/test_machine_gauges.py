"""The machine on a metrics page: what is known, under names and labels that a scraper accepts."""

from msgspec.structs import replace
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.daemon.telemetry.test_reasons import SILENT
from velocity_local.daemon.telemetry.machine_gauges import families
from velocity_local.wire.http.admin import GpuItem
from velocity_local.wire.http.telemetry import PowerItem, ProcessItem, TelemetryAnswer

BUSY = replace(
    SILENT,
    gpus=(
        GpuItem(0, "A", "", 10, 5, 0.5, 100.0, 40.0, throttling=("power cap",)),
        GpuItem(1, "B", "", 10, 5, 0.25, None, None),
    ),
    power=PowerItem("m", 100.0, {"gpu 0": 100.0}, 20.0, 7.0, {"demo": 7.0}),
    processes=(ProcessItem(1, "", 0.1, 1, 1), ProcessItem(2, "demo", 1.5, 1, 1)),
)


class Page:
    def __init__(self, snapshot: TelemetryAnswer) -> None:
        self._snapshot = snapshot

    def collect(self) -> list[Metric]:
        return [*families(self._snapshot)]


def samples(snapshot: TelemetryAnswer) -> dict[tuple[str, tuple[str, ...]], float]:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Page(snapshot))
    text = generate_latest(registry).decode()
    found = [each for family in text_string_to_metric_families(text) for each in family.samples]
    told = {(each.name, tuple(each.labels.values())): each.value for each in found}
    assert len(told) == len(found), "one name with one set of labels twice cannot be scraped"
    return told


def test_what_is_known_is_on_the_page() -> None:
    told = samples(BUSY)
    assert told["velocity_gpu_utilization_ratio", ("0",)] == 0.5
    assert told["velocity_gpu_utilization_ratio", ("1",)] == 0.25
    assert told["velocity_gpu_throttled", ("power cap", "0")] == 1
    assert told["velocity_power_idle_watts", ()] == 20
    assert told["velocity_energy_joules_total", ("demo",)] == 7
    assert told["velocity_process_cpu_cores", ("demo",)] == 1.5


def test_what_is_not_known_is_left_out() -> None:
    told = samples(SILENT)
    assert not [name for name, _ in told if "gpu_power" in name or "disk" in name]
    assert ("velocity_gpu_power_watts", ("1",)) not in samples(BUSY)
