"""One order to a worker that will not serve: write these weights in another type. One JSON value
down its standard input; up its standard output a JSON value a line, then its end.
"""

import msgspec

from velocity_local.core.errors import ErrorInfo

QUANTIZING_MODULE = "velocity_local.worker.quantize"
MAX_LINE_BYTES = 16 * 1024


class Quantize(msgspec.Struct, frozen=True):
    """Absolute paths; `file_type` is llama.cpp's number of it.

    With a `packing` they are folders in MLX's form, and it names one of its ways.
    """

    source: str
    target: str
    file_type: int
    n_threads: int
    packing: str = ""


class Quantized(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far it is, in tensors; the last line has `is_done`, or the engine's reason."""

    done: int = 0
    total: int = 0
    is_done: bool = False
    error: ErrorInfo | None = None
