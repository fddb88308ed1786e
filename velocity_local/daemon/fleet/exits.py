"""How a process ended: in words, and whether it did so of its own accord."""

import signal
import sys
from typing import NamedTuple

# SIGINT, SIGKILL, SIGTERM; on Windows the codes that `TerminateProcess` is usually given.
_FROM_OUTSIDE = {1, 15} if sys.platform == "win32" else {-2, -9, -15}
_WINDOWS_FAULTS = {
    0xC0000005: "access violation",
    0xC000001D: "illegal instruction",
    0xC00000FD: "stack overflow",
    0xC0000374: "heap corruption",
    0xC0000409: "aborted",
    0xC0000017: "out of memory",
}
_HINTS = {
    "SIGKILL": "from outside, or the system ran out of memory",
    "SIGABRT": "the engine gave up on a broken assumption",
    "SIGSEGV": "the engine touched memory that is not its own",
    "SIGILL": "the engine was built for another processor",
    "SIGBUS": "the model's file became shorter, or memory failed",
}


class Exit(NamedTuple):
    """`is_from_outside`: somebody ended it, be it the system for want of memory. Nothing that a
    process does by itself ends it like that.
    """

    description: str
    is_from_outside: bool = False


def read_exit(code: int | None, last_words: str = "") -> Exit:
    """Signal or exit code, what it usually means, and the last line of the log if it may tell."""
    if code in _FROM_OUTSIDE:
        return Exit(_cause(code), is_from_outside=True)
    said = f"; it said last: {last_words[:300]}" if last_words else ""
    return Exit(_cause(code) + said)


def _cause(code: int | None) -> str:
    if code is None:
        return "its process ended"
    if code < 0:
        return _signal(-code)
    unsigned = code & 0xFFFFFFFF
    if unsigned in _WINDOWS_FAULTS:
        return f"its process ended with 0x{unsigned:08X} ({_WINDOWS_FAULTS[unsigned]})"
    return f"its process exited with code {code}"


def _signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"its process was ended by signal {number}"
    hint = f" ({_HINTS[name]})" if name in _HINTS else ""
    return f"its process was ended by {name}{hint}"
