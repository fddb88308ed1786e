"""Numbers in a command line, held to their bounds before anything is asked of a daemon."""

from argparse import ArgumentTypeError
from collections.abc import Callable


def whole(low: int, high: int) -> Callable[[str], int]:
    """Reads a whole number from `low` to `high`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise ArgumentTypeError(f"{text!r} is no whole number from {low} to {high}")
        return number

    return read


def seconds(most: float) -> Callable[[str], float]:
    """Reads seconds from 0 to `most`."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not 0 <= number <= most:
            raise ArgumentTypeError(f"{text!r} is no number of seconds from 0 to {most:g}")
        return number

    return read
