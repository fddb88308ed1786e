"""How a worker says why it ended."""

EXIT_OK = 0
EXIT_PROTOCOL = 2
EXIT_LOAD_FAILED = 3
EXIT_BROKEN = 4
