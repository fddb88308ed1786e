"""llama.cpp's own quantizer. How far it is it only says in its messages: `[  12/ 291] ...`."""

import ctypes
import os
import re
from collections.abc import Callable

from velocity_local.wire.ipc.quantizing import Quantize
from velocity_local.worker.backends.llama_cpp import log, native
from velocity_local.worker.backends.llama_cpp.vendor import lib
from velocity_local.worker.engine.backend import BackendError

_STEP = re.compile(r"\[\s*(\d{1,9})/\s*(\d{1,9})\]")


def quantize(order: Quantize, tell: Callable[[int, int], None]) -> None:
    """Blocks until the target is complete; `tell` gets tensors done and all of them.

    Raises:
        BackendError: with the library's own reason.
    """

    def on_message(message: str) -> None:
        if (match := _STEP.match(message)) is not None:
            tell(int(match[1]), int(match[2]))

    native.start()
    log.observe(on_message)
    params = lib.llama_model_quantize_default_params()
    params.ftype = order.file_type
    params.nthread = order.n_threads
    status = lib.llama_model_quantize(
        os.fsencode(order.source), os.fsencode(order.target), ctypes.byref(params)
    )
    if status != 0:
        raise BackendError(f"the quantizer refuses this model: {log.last_errors()}")
