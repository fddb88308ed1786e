"""The library's functions for a model's own heads (multi-token prediction, "nextn").

Hidden states are read and written by functions of `src/llama-ext.h`, which the library exports
under C++ names and does not call stable. So they are looked up by these names when they are
wanted, and a library without them is one that cannot guess.
"""

import ctypes
import sys
from functools import cache
from typing import Any, NamedTuple

from velocity_local.worker.backends.llama_cpp import log, native
from velocity_local.worker.backends.llama_cpp.vendor import lib
from velocity_local.worker.engine.backend import BackendError
from velocity_local.worker.sampling.rows import FloatRow

# Names by the rules of the Itanium ABI and of Microsoft's compiler
_SET = (
    "_Z26llama_set_embeddings_nextnP13llama_contextbb",
    "?llama_set_embeddings_nextn@@YAXPEAUllama_context@@_N1@Z",
)
_GET = (
    "_Z26llama_get_embeddings_nextnP13llama_context",
    "?llama_get_embeddings_nextn@@YAPEAMPEAUllama_context@@@Z",
)
_GET_ROW = (
    "_Z30llama_get_embeddings_nextn_ithP13llama_contexti",
    "?llama_get_embeddings_nextn_ith@@YAPEAMPEAUllama_context@@H@Z",
)


class _Functions(NamedTuple):
    set_output: Any
    rows: Any
    row: Any


def missing() -> str | None:
    """Which of the functions the library does not have, if any."""
    for names in (_SET, _GET, _GET_ROW):
        if not hasattr(_library(), _name(names)):
            return _name(names)
    return None


def _library() -> ctypes.CDLL:
    library: ctypes.CDLL = lib._lib  # noqa: SLF001 - the binding keeps its library there
    return library


def _name(names: tuple[str, str]) -> str:
    return names[sys.platform == "win32"]


@cache
def _functions() -> _Functions:
    """Raises AttributeError where `missing` names one."""
    library = _library()
    set_output = getattr(library, _name(_SET))
    set_output.argtypes = [ctypes.c_void_p, ctypes.c_bool, ctypes.c_bool]
    set_output.restype = None
    rows = getattr(library, _name(_GET))
    rows.argtypes = [ctypes.c_void_p]
    row = getattr(library, _name(_GET_ROW))
    row.argtypes = [ctypes.c_void_p, ctypes.c_int32]
    rows.restype = row.restype = ctypes.POINTER(ctypes.c_float)
    return _Functions(set_output, rows, row)


def give_states(context: int, *, of_all: bool) -> None:
    """Keep hidden states of a batch: of all its tokens, or of those that have an output."""
    _functions().set_output(context, True, not of_all)  # noqa: FBT003 - the C signature


def states(context: int, n_rows: int, width: int) -> FloatRow:
    """The hidden states after all tokens of the last batch, valid until the next.

    Raises:
        BackendError: if there are none.
    """
    pointer = _functions().rows(context)
    if not pointer:
        raise BackendError("the batch left no hidden states")
    return native.floats(pointer, n_rows * width).reshape(n_rows, width)


def state(context: int, row: int, width: int) -> FloatRow:
    """The hidden state of a token that had an output, valid until the next batch."""
    pointer = _functions().row(context, row)
    if not pointer:
        raise BackendError(f"row {row} has no hidden state")
    return native.floats(pointer, width)


class StateBatch:
    """A batch whose tokens come with the hidden state before them."""

    def __init__(self, context: int) -> None:
        self._context = context
        self._batch = lib.llama_batch_ext_init(context)

    def clear(self) -> None:
        lib.llama_batch_ext_clear(self._batch)

    def add(
        self, token: int, state: FloatRow, *, sequence: int, pos: int, wants_logits: bool
    ) -> int:
        """One more token; its row. `state` is copied.

        Raises:
            BackendError: if the library does not take it.
        """
        row = int(lib.llama_batch_ext_add_token(self._batch, sequence, token))
        data = native.pointer_to(state, ctypes.c_float)
        embedding = lib.llama_embd(data, 1, state.size)
        position = ctypes.byref(ctypes.c_int32(pos))
        is_taken = (
            row >= 0
            and lib.llama_batch_ext_set_embd_token(self._batch, row, embedding)
            and lib.llama_batch_ext_set_pos(self._batch, row, position)
            and lib.llama_batch_ext_set_output_logits(self._batch, row, wants_logits)
        )
        if not is_taken:
            raise BackendError(f"a batch did not take token {token}: {log.last_errors()}")
        return row

    def decode(self) -> int:
        """As `native.Batch.decode`."""
        code = int(lib.llama_process(self._context, lib.LLAMA_PROCESS_TYPE_DECODE, self._batch))
        return native.checked(code, "llama_process")

    def close(self) -> None:
        lib.llama_batch_ext_free(self._batch)
