"""The machine's memory as models may have it."""

from velocity_local.core.fit import Device, Machine
from velocity_local.daemon.telemetry.apple import DRIVER as UNIFIED_DRIVER
from velocity_local.wire.http.admin import GpuItem, SystemAnswer

# Displays, other programs and the driver itself.
GPU_HEADROOM_BYTES = 256 * 1024 * 1024
# Of its unified memory, what macOS lets a GPU have (Metal's recommendedMaxWorkingSetSize).
UNIFIED_SHARE = 0.72


def machine_of(system: SystemAnswer, *, headroom_bytes: int, evictable_bytes: int) -> Machine:
    """`evictable_bytes` would be free if idle models went."""
    free_bytes = system.memory.available_bytes + evictable_bytes - headroom_bytes
    host = Device("this machine's memory", system.memory.total_bytes, max(free_bytes, 0))
    if system.gpu_driver == UNIFIED_DRIVER:
        return Machine(host, tuple(_unified(gpu, host) for gpu in system.gpus))
    gpus = tuple(device for gpu in system.gpus if (device := _device(gpu)) is not None)
    return Machine(host, gpus)


def _unified(gpu: GpuItem, host: Device) -> Device:
    """It works in the machine's own memory, and may not have all of it."""
    total_bytes = int(host.total_bytes * UNIFIED_SHARE)
    free_bytes = min(host.free_bytes, total_bytes)
    return Device(gpu.name, total_bytes, free_bytes, shares_host=True)


def _device(gpu: GpuItem) -> Device | None:
    """None for one that does not tell its memory."""
    if gpu.memory_total_bytes is None or gpu.memory_used_bytes is None:
        return None
    free_bytes = gpu.memory_total_bytes - gpu.memory_used_bytes - GPU_HEADROOM_BYTES
    return Device(f"GPU {gpu.index} {gpu.name}", gpu.memory_total_bytes, max(free_bytes, 0))
