"""Alt with a digit, as terminals send it: an escape before the digit.

Textual takes these for the characters that a Mac's Option key makes of digits ("¡" for 1), since
one terminal there sends them so. Here they are keys, on every terminal.
"""

from enum import StrEnum
from typing import cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS


class AltDigit(StrEnum):
    """Values are Textual's names of keys."""

    ONE = "alt+1"
    TWO = "alt+2"
    THREE = "alt+3"
    FOUR = "alt+4"
    FIVE = "alt+5"
    SIX = "alt+6"
    SEVEN = "alt+7"
    EIGHT = "alt+8"
    NINE = "alt+9"


def teach() -> None:
    """Have Textual read them as keys, for the whole process."""
    known = cast("dict[str, object]", ANSI_SEQUENCES_KEYS)
    for key in AltDigit:
        known[f"\x1b{key.value[-1]}"] = (key,)
