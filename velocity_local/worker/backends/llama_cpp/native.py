"""The library's C functions, each wrapped once: the only place that knows ctypes.

Models, contexts and vocabularies are addresses. What fails raises `BackendError` naming the
call, with the library's own last words where it has any. Nothing here prints: see `log`.
`native_sampling`, `native_states`, `native_heads` and `native_adapters` are its other parts.
"""

import ctypes
import os
import re
import sys
from functools import cache
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from velocity_local.core.models import LoadOptions
from velocity_local.worker.backends.llama_cpp import devices, log
from velocity_local.worker.backends.llama_cpp.vendor import RELEASE, lib
from velocity_local.worker.engine.backend import BackendError, NoMemoryError
from velocity_local.worker.sampling.rows import FloatRow

# Return codes of llama_decode (llama.h)
DECODE_DONE, DECODE_FULL, DECODE_ABORTED = 0, 1, 2
_NO_MEMORY_TO_DECODE = -2
# Numbers of ggml_type in ggml.h
KV_TYPES = {"f32": 0, "f16": 1, "q8_0": 8}
# Numbers of llama_pooling_type in llama.h
POOLING = {-1: "none", 0: "none", 1: "mean", 2: "cls", 3: "last", 4: "rank"}
# How ggml and its devices say it: ggml-alloc.c, ggml-backend.cpp, ggml-cuda.cu, ggml-metal.m
_NO_MEMORY = re.compile(
    r"(?:failed|unable) to allocate|bad_alloc|out of memory|not enough memory", re.IGNORECASE
)
_CONTROL_KINDS = lib.LLAMA_TOKEN_ATTR_CONTROL | lib.LLAMA_TOKEN_ATTR_UNKNOWN


class ModelFacts(NamedTuple):
    """What the file says about the model."""

    n_vocab: int
    n_ctx_train: int
    n_embd: int
    n_swa: int
    n_parameters: int
    has_encoder: bool
    has_decoder: bool
    is_recurrent: bool
    is_hybrid: bool
    is_diffusion: bool
    description: str
    chat_template: str | None
    tool_template: str | None


class ContextOptions(NamedTuple):
    """How a context is made. `n_outputs` is the most rows of logits one batch may ask for,
    `n_scratch` how many sequences there are beyond those of the engine. The library wants a row
    for each sequence of either kind. Recurrent states are kept for `n_rollback` tokens back, each
    time whole. `is_heads` is for the context of a model's own heads.
    """

    n_cells: int
    n_batch: int
    n_seq_max: int
    n_scratch: int
    n_outputs: int
    n_threads: int
    kv_type: str
    flash_attention: bool | None
    embeddings: bool
    swa_full: bool
    n_rollback: int = 0
    is_heads: bool = False


@cache
def start() -> None:
    """Bring the library up, once, with its messages routed to our log."""
    log.route(lib)
    lib.llama_backend_init()


def open_model(
    path: str, options: LoadOptions, *, with_heads: bool = False, is_dry: bool = False
) -> int:
    """`is_dry` reads the header alone: the model can be asked for sizes, and cannot compute.

    A split that is for other devices is dropped: then the library divides the layers.
    """
    params = lib.llama_model_default_params()
    params.load_mtp = with_heads
    if is_dry:
        params.no_alloc, params.load_mode = True, lib.LLAMA_LOAD_MODE_NONE  # a mapping would abort
    if options.n_gpu_layers is not None:
        params.n_gpu_layers = options.n_gpu_layers
    proportions = devices.split(options.gpu_split)
    if proportions is not None:
        params.tensor_split = proportions
    model = lib.llama_model_load_from_file(os.fsencode(path), params)
    if not model:
        raise _failed(f"cannot load {path}")
    return int(model)


def weights_bytes(model: int) -> int:
    """All tensors of a model."""
    return int(lib.llama_model_size(model))


def close_model(model: int) -> None:
    lib.llama_model_free(model)


def _chat_template(model: int, variant: bytes | None) -> str | None:
    template = lib.llama_model_chat_template(model, variant)
    return None if template is None else template.decode("utf-8", "replace")


def model_facts(model: int) -> ModelFacts:
    return ModelFacts(
        n_vocab=lib.llama_vocab_n_tokens(vocabulary(model)),
        n_ctx_train=lib.llama_model_n_ctx_train(model),
        n_parameters=int(lib.llama_model_n_params(model)),
        n_embd=lib.llama_model_n_embd_out(model),
        n_swa=lib.llama_model_n_swa(model),
        has_encoder=lib.llama_model_has_encoder(model),
        has_decoder=lib.llama_model_has_decoder(model),
        is_recurrent=lib.llama_model_is_recurrent(model),
        is_hybrid=lib.llama_model_is_hybrid(model),
        is_diffusion=lib.llama_model_is_diffusion(model),
        description=_description(model),
        chat_template=_chat_template(model, None),
        tool_template=_chat_template(model, b"tool_use"),
    )


def _description(model: int) -> str:
    buffer = ctypes.create_string_buffer(256)
    lib.llama_model_desc(model, buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace")


def open_context(model: int, options: ContextOptions, abort_flag: "AbortFlag") -> int:
    params = lib.llama_context_default_params()
    params.n_ctx = options.n_cells
    params.n_batch = params.n_ubatch = options.n_batch
    params.n_seq_max = options.n_seq_max + options.n_scratch
    params.n_outputs_max = options.n_outputs
    params.n_threads = params.n_threads_batch = options.n_threads
    params.type_k = params.type_v = KV_TYPES[options.kv_type]
    if options.flash_attention is not None:
        params.flash_attn_type = int(options.flash_attention)
    params.embeddings = options.embeddings
    params.swa_full = options.swa_full
    params.n_rs_seq = options.n_rollback
    if options.is_heads:
        params.ctx_type = lib.LLAMA_CONTEXT_TYPE_MTP
    params.kv_unified = True
    params.no_perf = True
    context = lib.llama_init_from_model(model, params)
    if not context:
        raise _failed("cannot make a context")
    lib.llama_set_abort_callback(context, abort_flag.callback, abort_flag.address)
    return int(context)


def _failed(what: str) -> BackendError:
    """With the library's reason; the want of memory is told apart."""
    reason = log.last_errors()
    kind = NoMemoryError if _NO_MEMORY.search(reason) else BackendError
    return kind(f"{what}: {reason}")


def close_context(context: int) -> None:
    lib.llama_free(context)


def n_cells(context: int) -> int:
    return int(lib.llama_n_ctx(context))


def n_rollback(context: int) -> int:
    """Over how many tokens recurrent states can step back; fewer than asked for, if need be."""
    return int(lib.llama_n_rs_seq(context))


def pooling(context: int) -> str:
    return POOLING.get(lib.llama_pooling_type(context), "none")


def has_memory(context: int) -> bool:
    """False for encoders, which keep nothing between batches."""
    return bool(lib.llama_get_memory(context))


class AbortFlag:
    """A flag that the library polls without entering Python.

    The callback is the C library's `strlen` on a one-byte string: it answers 0 while the byte
    is zero and 1 once it is set. A Python callback would take the interpreter's lock some
    hundred times per batch and stall the pass whenever another thread is busy.
    """

    def __init__(self) -> None:
        self._byte = ctypes.create_string_buffer(2)
        self.address = ctypes.addressof(self._byte)
        libc = ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)
        self.callback = ctypes.cast(libc.strlen, lib.ggml_abort_callback)

    @property
    def is_set(self) -> bool:
        return self._byte[0] != b"\0"

    def set(self) -> None:
        self._byte[0] = b"\1"

    def clear(self) -> None:
        self._byte[0] = b"\0"


class Batch:
    """The arrays of a llama_batch for up to `capacity` tokens of one sequence id each."""

    def __init__(self, capacity: int) -> None:
        self.token = np.zeros(capacity, np.int32)
        self.pos = np.zeros(capacity, np.int32)
        self.sequence = np.zeros(capacity, np.int32)
        self.wants_output = np.zeros(capacity, np.int8)
        self._ones = np.ones(capacity, np.int32)
        stride = self.sequence.itemsize
        self._pointers = self.sequence.ctypes.data + stride * np.arange(capacity, dtype=np.uintp)
        self._struct = lib.llama_batch(
            n_tokens=0,
            token=pointer_to(self.token, lib.llama_token),
            embd=None,
            pos=pointer_to(self.pos, lib.llama_pos),
            n_seq_id=pointer_to(self._ones, ctypes.c_int32),
            seq_id=pointer_to(self._pointers, ctypes.POINTER(lib.llama_seq_id)),
            logits=pointer_to(self.wants_output, ctypes.c_int8),
        )

    def decode(self, context: int, n_tokens: int) -> int:
        """Compute the first `n_tokens`: `DECODE_DONE`, `DECODE_FULL` or `DECODE_ABORTED`."""
        self._struct.n_tokens = n_tokens
        return checked(lib.llama_decode(context, self._struct), "llama_decode")

    def encode(self, context: int, n_tokens: int) -> None:
        self._struct.n_tokens = n_tokens
        code = lib.llama_encode(context, self._struct)
        if code:
            raise _failed(f"llama_encode answered {code}")


def checked(code: int, call: str) -> int:
    """The code, if it is one of those that the engine can go on after."""
    if code == _NO_MEMORY_TO_DECODE:
        raise NoMemoryError(f"{call}: {log.last_errors()}")
    if code not in {DECODE_DONE, DECODE_FULL, DECODE_ABORTED}:
        raise BackendError(f"{call} answered {code}: {log.last_errors()}")
    return code


def pointer_to(array: NDArray[Any], kind: Any) -> Any:
    """A C pointer to an array's memory, which must outlive it."""
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))


def logits(context: int, row: int, n_vocab: int) -> FloatRow:
    """The library's own row of logits, valid until the next decode."""
    pointer = lib.llama_get_logits_ith(context, row)
    if not pointer:
        raise BackendError(f"row {row} has no logits")
    return floats(pointer, n_vocab)


def pooled(context: int, sequence: int, n_embd: int) -> FloatRow:
    """The pooled embedding of a sequence, valid until the next batch."""
    pointer = lib.llama_get_embeddings_seq(context, sequence)
    if not pointer:
        raise BackendError(f"sequence {sequence} has no embedding")
    return floats(pointer, n_embd)


def floats(pointer: Any, length: int) -> FloatRow:
    """A view of a float pointer; several times quicker than `np.ctypeslib.as_array`."""
    array_type = ctypes.c_float * length
    address = ctypes.addressof(pointer.contents)
    view: FloatRow = np.frombuffer(memoryview(array_type.from_address(address)), np.float32)
    return view


class Memory:
    """The KV cache (or recurrent state) of a context."""

    def __init__(self, context: int) -> None:
        self._handle = lib.llama_get_memory(context)

    def clear(self) -> None:
        lib.llama_memory_clear(self._handle, False)  # noqa: FBT003 - the C signature

    def remove(self, sequence: int, start: int) -> bool:
        """Remove everything from position `start` on."""
        return bool(lib.llama_memory_seq_rm(self._handle, sequence, start, -1))

    def copy(self, source: int, target: int, start: int = -1, end: int = -1) -> None:
        """Share positions from `start` on and before `end`; -1 for all of them."""
        lib.llama_memory_seq_cp(self._handle, source, target, start, end)

    def lowest(self, sequence: int) -> int:
        return int(lib.llama_memory_seq_pos_min(self._handle, sequence))

    def highest(self, sequence: int) -> int:
        return int(lib.llama_memory_seq_pos_max(self._handle, sequence))


def state_format(options: ContextOptions) -> str:
    """What of a build and a context decides whether it can read another's states."""
    attention = {None: "auto", True: "flash", False: "plain"}[options.flash_attention]
    kind = "window" if options.n_scratch == 0 else "parts"
    return f"llama.cpp {RELEASE} {options.kv_type} {attention} {kind}"


def vocabulary(model: int) -> int:
    return int(lib.llama_model_get_vocab(model))


def tokenize(vocab: int, text: bytes, *, add_special: bool, parse_special: bool) -> list[int]:
    capacity = len(text) + 8
    while True:
        tokens = (lib.llama_token * capacity)()
        n_tokens = lib.llama_tokenize(
            vocab, text, len(text), tokens, capacity, add_special, parse_special
        )
        if n_tokens >= 0:
            return list(tokens[:n_tokens])
        if -n_tokens <= capacity:
            raise BackendError(f"llama_tokenize answered {n_tokens}")
        capacity = -n_tokens


def piece(vocab: int, token: int, *, special: bool) -> bytes:
    capacity = 64
    while True:
        buffer = ctypes.create_string_buffer(capacity)
        size = lib.llama_token_to_piece(vocab, token, buffer, capacity, 0, special)
        if size >= 0:
            return buffer.raw[:size]
        capacity = -size


def is_end(vocab: int, token: int) -> bool:
    return bool(lib.llama_vocab_is_eog(vocab, token))


def control_tokens(vocab: int, n_vocab: int) -> list[int]:
    """Tokens that `llama_tokenize` makes of text only if it is to parse special ones."""
    attributes = map(lib.llama_vocab_get_attr, repeat(vocab), range(n_vocab))
    kinds = _CONTROL_KINDS
    return [token for token, attribute in enumerate(attributes) if attribute & kinds]


def special_token(vocab: int, name: str) -> int | None:
    """The id of `bos` or `eos`; None if the vocabulary has none."""
    token = {"bos": lib.llama_vocab_bos, "eos": lib.llama_vocab_eos}[name](vocab)
    return None if token < 0 else int(token)


def suppressed_tokens(vocab: int) -> list[int]:
    """Tokens that the model's own file says are never to be sampled."""
    count = ctypes.c_int32(0)
    tokens = lib.llama_vocab_get_suppress_tokens(vocab, ctypes.byref(count))
    return [int(tokens[i]) for i in range(count.value)]
