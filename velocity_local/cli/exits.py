"""Exit codes, and the error that ends a command with one of them."""

from enum import IntEnum


class Exit(IntEnum):
    OK = 0
    FAILURE = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_FOUND = 4
    DOES_NOT_FIT = 5
    GATE_FAILED = 6
    INTERRUPTED = 130


class CliError(Exception):
    """Ends the command: `message` is the cause, `next_step` the command that helps."""

    def __init__(self, message: str, *, code: Exit = Exit.FAILURE, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.next_step = next_step
