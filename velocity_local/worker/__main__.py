"""Entry point of a worker process: frames on standard input and output, log on standard error."""

import logging
import sys

from velocity_local.core.clock import SystemClock
from velocity_local.wire.ipc.transport import claim_stdio


class _OneLine(logging.Formatter):
    """A record is one line, its traceback included, so that whoever reads can split by lines."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", " | ")


def main() -> int:
    read_fd, write_fd = claim_stdio()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # Loaded only now: nothing native may come before the descriptors are safe.
    from velocity_local.worker import process, watchdog  # noqa: PLC0415 - see above

    watchdog.isolate()
    return process.serve(read_fd, write_fd, SystemClock())


if __name__ == "__main__":
    sys.exit(main())
