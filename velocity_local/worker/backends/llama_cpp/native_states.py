"""The library's functions that turn cells and recurrent states into bytes, and back."""

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velocity_local.worker.backends.llama_cpp.vendor import lib
from velocity_local.worker.engine.backend import BackendError

_BYTES = ctypes.POINTER(ctypes.c_uint8)


def state(context: int, sequence: int) -> memoryview:
    """The bytes of all that a sequence has in the memory.

    Raises:
        BackendError: if the library does not give them.
    """
    size = lib.llama_state_seq_get_size(context, sequence)
    buffer = np.empty(size, np.uint8)
    written = lib.llama_state_seq_get_data(context, _bytes_at(buffer), size, sequence)
    if written != size:
        raise BackendError(f"llama_state_seq_get_data gave {written} of {size} bytes")
    return buffer.data


def copy_states(context: int, source: int, target: int) -> None:
    """Give `target` recurrent states of its own, those that `source` has stepped back to.

    Raises:
        BackendError: if the library does not give or take them.
    """
    flags = lib.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY
    buffer = np.empty(lib.llama_state_seq_get_size_ext(context, source, flags), np.uint8)
    pointer, size = _bytes_at(buffer), len(buffer)
    written = lib.llama_state_seq_get_data_ext(context, pointer, size, source, flags)
    read = lib.llama_state_seq_set_data_ext(context, pointer, size, target, flags)
    if not written == read == size:
        raise BackendError(f"recurrent states: {written} written and {read} read of {size} bytes")


def put_state(context: int, sequence: int, state: memoryview) -> bool:
    """Replace what a sequence has; False, and it has nothing, if there is no room for it."""
    buffer = np.frombuffer(state, np.uint8)
    read = lib.llama_state_seq_set_data(context, _bytes_at(buffer), len(buffer), sequence)
    return bool(read == len(buffer))


def _bytes_at(buffer: NDArray[np.uint8]) -> Any:
    return buffer.ctypes.data_as(_BYTES)
