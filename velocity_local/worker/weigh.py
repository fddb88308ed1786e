"""A worker that only says what a load would take; see `wire.ipc.weighing`."""

import logging
import os
import sys

import msgspec

from velocity_local.core.errors import ModelFailed
from velocity_local.wire.ipc.transport import claim_stdio
from velocity_local.wire.ipc.weighing import Weigh, Weighed

_MAX_QUESTION_BYTES = 64 * 1024


def main() -> int:
    read_fd, write_fd = claim_stdio()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    with os.fdopen(read_fd, "rb") as question:
        weigh = msgspec.json.decode(question.read(_MAX_QUESTION_BYTES), type=Weigh)
    with os.fdopen(write_fd, "wb") as answer:
        answer.write(msgspec.json.encode(_weighed(weigh)))
    return 0


def _weighed(weigh: Weigh) -> Weighed:
    # Loaded only now: nothing native may come before the descriptors are safe.
    from velocity_local.worker import watchdog  # noqa: PLC0415 - see above
    from velocity_local.worker.backends.llama_cpp import dry_run  # noqa: PLC0415 - as above
    from velocity_local.worker.engine.backend import BackendError  # noqa: PLC0415 - as above

    watchdog.isolate()
    try:
        return Weighed(dry_run.weigh(weigh.path, weigh.options))
    except BackendError as error:
        return Weighed(error=ModelFailed(str(error)).info())


if __name__ == "__main__":
    sys.exit(main())
