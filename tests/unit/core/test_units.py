import pytest

from velocity_local.core import units


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (8_400_000, "8.4 MB"),
        (25_276_502_016, "25.3 GB"),
        (9e15, "9000.0 TB"),
    ],
)
def test_sizes(n_bytes: int, text: str) -> None:
    assert units.size(n_bytes) == text


@pytest.mark.parametrize(
    ("number", "text"), [(7, "7"), (4_100_000, "4.1M"), (8_000_000_000, "8.0B")]
)
def test_counts(number: int, text: str) -> None:
    assert units.count(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5.9, "5 s"), (125, "2 min 5 s"), (7500, "2 h 5 min"), (90_000, "1 d 1 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert units.duration(seconds) == text


@pytest.mark.parametrize(("value", "text"), [(None, ""), (12.34, "12.3 ms"), (2500.0, "2.50 s")])
def test_milliseconds(value: float | None, text: str) -> None:
    assert units.milliseconds(value) == text
