"""A worker that only writes a model's weights in another type; see `wire.ipc.quantizing`."""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import msgspec

from velocity_local.core.errors import ModelFailed
from velocity_local.wire.ipc.quantizing import MAX_LINE_BYTES, Quantize, Quantized
from velocity_local.wire.ipc.transport import claim_stdio

_POLITENESS = 10


def main() -> int:
    read_fd, write_fd = claim_stdio()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    with os.fdopen(read_fd, "rb") as order:
        quantize = msgspec.json.decode(order.read(MAX_LINE_BYTES), type=Quantize)
    if hasattr(os, "nice"):
        os.nice(_POLITENESS)  # answers of other models come first
    with os.fdopen(write_fd, "wb") as answer:
        _carry_out(quantize, answer)
    return 0


def _carry_out(quantize: Quantize, answer: BinaryIO) -> None:
    # Loaded only now: nothing native may come before the descriptors are safe.
    from velocity_local.worker import watchdog  # noqa: PLC0415 - see above
    from velocity_local.worker.engine.backend import BackendError  # noqa: PLC0415 - as above

    def tell(report: Quantized) -> None:
        answer.write(msgspec.json.encode(report) + b"\n")
        answer.flush()

    watchdog.isolate()
    try:
        _write(quantize, lambda done, total: tell(Quantized(done, total)))
    except (BackendError, ImportError, OSError) as error:
        tell(Quantized(error=ModelFailed(str(error)).info()))
    else:
        tell(Quantized(is_done=True))


def _write(quantize: Quantize, progress: Callable[[int, int], None]) -> None:
    """By the engine that reads the form of the model; only that one is loaded."""
    if quantize.packing:
        from velocity_local.worker.backends.mlx import converter  # noqa: PLC0415 - see above

        packing = converter.PACKINGS[quantize.packing]
        converter.convert(quantize.source, Path(quantize.target), packing, progress)
        return
    from velocity_local.worker.backends.llama_cpp import quantizer  # noqa: PLC0415 - as above

    quantizer.quantize(quantize, progress)


if __name__ == "__main__":
    sys.exit(main())
