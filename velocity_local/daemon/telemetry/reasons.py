"""Why a value of a snapshot is None: one reason for each, under the value's path. Pure."""

import re
from collections.abc import Iterator, Mapping

import msgspec

from velocity_local.daemon.telemetry import apple
from velocity_local.wire.http.admin import GpuItem
from velocity_local.wire.http.telemetry import TelemetryAnswer

_RATES = "it takes two looks, and a system that tells it"
# The first that matches; numbers in paths stand for an index or a pid.
_WHY = (
    (r"cpu\.load_1min", "Windows has no such figure"),
    (r"memory_pressure", "this system does not grade it"),
    (r"disk\.\w+_per_s|processes\.\d+\.cpu", _RATES),
    (r"disk\.\w+", "the disk of the data folder cannot be asked"),
    (r"processes\.\d+\.\w+", "the process is gone, or not ours to ask"),
    (r"gpus\.\d+\.processes\.\d+\.\w+", "the driver tells it to administrators only"),
    (r"gpus\.\d+\.\w+", "the driver does not tell it"),
    (r"power\.watts", "nothing here tells power"),
    (r"power\.idle_w", "no moment without requests has been measured yet"),
)
_OTHERWISE = "the system does not tell it"


def reasons(snapshot: TelemetryAnswer, known: Mapping[str, str]) -> dict[str, str]:
    """For every None; `known` ones come first, and may also be about what is empty."""
    own = dict(_of_apple(snapshot.gpus))
    return {path: own.get(path) or _why(path) for path in absent(snapshot)} | dict(known)


def absent(value: object, path: str = "") -> Iterator[str]:
    """Paths of everything that is None, such as `gpus.0.power_w`."""
    if value is None:
        yield path
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from absent(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from absent(item, f"{path}.{index}")


def _why(path: str) -> str:
    return next((why for shape, why in _WHY if re.fullmatch(shape, path)), _OTHERWISE)


def _of_apple(gpus: tuple[GpuItem, ...]) -> Iterator[tuple[str, str]]:
    for index, gpu in enumerate(gpus):
        if gpu.name.startswith("Apple"):
            yield f"gpus.{index}.power_w", apple.POWER_REASON
            yield f"gpus.{index}.temperature_c", apple.POWER_REASON
            yield f"gpus.{index}.clock_mhz", apple.POWER_REASON
