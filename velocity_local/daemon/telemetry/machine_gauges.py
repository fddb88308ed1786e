"""The machine as Prometheus gauges; what is not known is left out. Loaded only for the page."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from velocity_local.wire.http.admin import GpuItem
from velocity_local.wire.http.telemetry import ProcessItem, TelemetryAnswer

_GPU_GAUGES = (
    ("velocity_gpu_utilization_ratio", "Share of time with work", "use"),
    ("velocity_gpu_memory_used_bytes", "Memory in use", "memory_used_bytes"),
    ("velocity_gpu_memory_total_bytes", "Memory", "memory_total_bytes"),
    ("velocity_gpu_power_watts", "Power now", "power_w"),
    ("velocity_gpu_temperature_celsius", "Temperature", "temperature_c"),
    ("velocity_gpu_clock_mhz", "Clock of the cores", "clock_mhz"),
    ("velocity_gpu_memory_clock_mhz", "Clock of the memory", "memory_clock_mhz"),
    ("velocity_gpu_power_limit_watts", "Power it may take", "power_limit_w"),
)


def families(snapshot: TelemetryAnswer) -> Iterator[Metric]:
    memory, cpu, power = snapshot.memory, snapshot.cpu, snapshot.power
    use = sum(cpu.use) / len(cpu.use) if cpu.use else None
    yield from _gauge("velocity_cpu_utilization_ratio", "Share of all cores in use", use)
    yield from _gauge("velocity_memory_total_bytes", "Memory", memory.total_bytes)
    yield from _gauge("velocity_memory_available_bytes", "Memory free", memory.available_bytes)
    yield from _gauge("velocity_swap_used_bytes", "Swap in use", memory.swap_used_bytes)
    yield from _gauge("velocity_disk_free_bytes", "Disk free", snapshot.disk.free_bytes)
    disk = snapshot.disk
    yield from _gauge("velocity_disk_read_bytes_per_second", "Read", disk.read_bytes_per_s)
    yield from _gauge("velocity_disk_write_bytes_per_second", "Written", disk.write_bytes_per_s)
    yield from _gauge("velocity_power_watts", "Power measured", power.watts)
    yield from _gauge("velocity_power_idle_watts", "Power with no request", power.idle_w)
    energy = CounterMetricFamily(
        "velocity_energy_joules", f"Energy of requests ({power.method})", labels=("model",)
    )
    for model, joules in power.joules_by_model.items():
        energy.add_metric((model,), joules)
    yield energy
    for name, about, field in _GPU_GAUGES:
        yield _gpu_gauge(name, about, field, snapshot.gpus)
    yield _throttling(snapshot.gpus)
    yield _processes(snapshot.processes)


def _gauge(name: str, about: str, value: float | None) -> Iterator[Metric]:
    if value is not None:
        yield GaugeMetricFamily(name, about, value=value)


def _throttling(gpus: tuple[GpuItem, ...]) -> Metric:
    gauge = GaugeMetricFamily(
        "velocity_gpu_throttled", "1 for what slows it now", labels=("gpu", "by")
    )
    for gpu in gpus:
        for reason in gpu.throttling or ():
            gauge.add_metric((str(gpu.index), reason), 1.0)
    return gauge


def _processes(processes: tuple[ProcessItem, ...]) -> Metric:
    """The daemon has no model's name."""
    gauge = GaugeMetricFamily(
        "velocity_process_cpu_cores", "Cores that a process of ours uses", labels=("model",)
    )
    for process in processes:
        if process.cpu is not None:
            gauge.add_metric((process.model,), process.cpu)
    return gauge


def _gpu_gauge(name: str, about: str, field: str, gpus: tuple[GpuItem, ...]) -> Metric:
    gauge = GaugeMetricFamily(name, about, labels=("gpu",))
    for gpu in gpus:
        value: float | None = getattr(gpu, field)
        if value is not None:
            gauge.add_metric((str(gpu.index),), value)
    return gauge
