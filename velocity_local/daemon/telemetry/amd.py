"""AMD's graphics processors as the amdgpu driver shows them in sysfs.

https://docs.kernel.org/gpu/amdgpu/thermal.html and `driver-misc.html`.
"""

from pathlib import Path

from velocity_local.daemon.telemetry.found import Found
from velocity_local.wire.http.admin import GpuItem

DRM = Path("/sys/class/drm")
_VENDOR = "0x1002"
_MICRO, _MILLI, _MHZ = 1e-6, 1e-3, 1e-6


def look(root: Path = DRM) -> Found:
    """Every card of that vendor; files that a card does not have are None."""
    cards = [card for card in sorted(root.glob("card[0-9]*")) if _is_amd(card)]
    gpus = tuple(_gpu(card, index) for index, card in enumerate(cards))
    if not gpus:
        return Found(reason="no AMD driver")
    return Found(gpus, driver="amdgpu")


def _is_amd(card: Path) -> bool:
    return "-" not in card.name and _text(card / "device" / "vendor") == _VENDOR


def _gpu(card: Path, index: int) -> GpuItem:
    device = card / "device"
    sensors = next(iter(sorted((device / "hwmon").glob("hwmon*"))), device / "hwmon")
    busy = _number(device / "gpu_busy_percent")
    power = _number(sensors / "power1_average") or _number(sensors / "power1_input")
    return GpuItem(
        index=index,
        name=_text(device / "product_name") or f"AMD {_text(device / 'device') or card.name}",
        uuid=_text(device / "unique_id") or "",
        memory_total_bytes=_whole(device / "mem_info_vram_total"),
        memory_used_bytes=_whole(device / "mem_info_vram_used"),
        use=None if busy is None or not 0 <= busy <= 100 else busy / 100,
        power_w=_scaled(power, _MICRO),
        temperature_c=_scaled(_number(sensors / "temp1_input"), _MILLI),
        power_limit_w=_scaled(_number(sensors / "power1_cap"), _MICRO),
        clock_mhz=_scaled(_number(sensors / "freq1_input"), _MHZ),
        memory_clock_mhz=_scaled(_number(sensors / "freq2_input"), _MHZ),
    )


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip() or None
    except OSError:
        return None


def _number(path: Path) -> float | None:
    text = _text(path)
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _whole(path: Path) -> int | None:
    value = _number(path)
    return None if value is None else int(value)


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
