"""Reads the numbers that people type, and says what was expected."""

from collections.abc import Callable

Number = int | float
LARGEST = 2**31 - 1


def read(name: str, text: str, kind: Callable[[str], Number], low: float, high: float) -> Number:
    """The number of that kind that `text` stands for.

    Raises:
        ValueError: saying what is expected.
    """
    what = "a whole number" if kind is int else "a number"
    expected = f"{name} must be {what} from {low:g} to {high:g}"
    try:
        value = kind(text)
    except ValueError as error:
        raise ValueError(expected) from error
    if not low <= value <= high:
        raise ValueError(expected)
    return value
