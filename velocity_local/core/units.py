"""Numbers as a person reads them."""

from datetime import UTC, datetime

_BYTES = ("B", "kB", "MB", "GB", "TB")
_COUNTS = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k"))


def size(n_bytes: int) -> str:
    """Decimal units, as disks and model pages use them: 8.4 MB."""
    value = float(n_bytes)
    for unit in _BYTES[:-1]:
        if abs(value) < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} {_BYTES[-1]}"


def count(number: int) -> str:
    """A number of parameters or tokens: 4.1M."""
    for factor, unit in _COUNTS:
        if number >= factor:
            return f"{number / factor:.1f}{unit}"
    return str(number)


def duration(seconds: float) -> str:
    """The two largest units: 2 h 5 min."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def milliseconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1f} ms" if value < 1000 else f"{value / 1000:.2f} s"


def moment(wall_s: float) -> str:
    """Local time to the second."""
    return datetime.fromtimestamp(wall_s, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
