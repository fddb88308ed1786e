"""How the daemon's process ends. The command line reads these."""

from enum import IntEnum


class Exit(IntEnum):
    STOPPED = 0
    FAILED = 1
    BAD_CONFIGURATION = 2
    ALREADY_RUNNING = 3
    ADDRESS_TAKEN = 4
    DATABASE_TOO_NEW = 5


class StartError(Exception):
    """The daemon cannot start; `code` is the exit status that tells why."""

    def __init__(self, code: Exit, message: str) -> None:
        super().__init__(message)
        self.code = code
