"""How a model's context is made: what the engine takes where nobody says, and the second try for
models that embed.
"""

from typing import NamedTuple, cast

import psutil

from velocity_local.core.fit import AUTOMATIC_KV_TYPE
from velocity_local.core.models import LoadOptions, Pooling
from velocity_local.worker.backends.llama_cpp import devices, log, native

# Cells of the cache if nobody says: room for some conversations at once, about 200 MB for a
# model of 0.3 B parameters and 1 GB for one of 8 B.
DEFAULT_CELLS = 8192
# ggml-cpu.c: GGML_FA_TILE_Q, the rows that CPU flash attention takes at a time
PREFILL_TILE = 64
TINY_PARAMETERS = 32_000_000
# llama.cpp's LLAMA_MAX_SEQ, less the one through which parts of sequences are saved
MAX_SEQUENCES = 255
# Recurrent models hold a whole state for each sequence, used or not: up to some 100 MB
MAX_RECURRENT_SEQUENCES = 8
# Rows of logits of a pass that checks guesses, where there are fewer sequences than that
DRAFT_ROWS = 32
# Guesses of a sequence that recurrent states can take back. Each takes as much memory as the
# states do, and what guesses beyond the third come to is little.
ROLLBACK_TOKENS = 3


class Opened(NamedTuple):
    context: int
    options: native.ContextOptions
    pooling: Pooling


def open_context(
    model: int, facts: native.ModelFacts, options: LoadOptions, abort: native.AbortFlag
) -> Opened:
    """A context for generating, or for embedding if the model does only that.

    Raises:
        BackendError: with the library's own reason.
    """
    context_options = _context_options(facts, options)
    log.forget_buffers()
    context = native.open_context(model, context_options, abort)
    pooling = cast("Pooling", native.pooling(context))
    if pooling == "none" and native.has_memory(context):
        return Opened(context, context_options, pooling)
    native.close_context(context)
    context_options = _embedding_options(facts, context_options)
    log.forget_buffers()
    return Opened(native.open_context(model, context_options, abort), context_options, pooling)


def takes_tiles(options: native.ContextOptions) -> bool:
    """Whether flash attention computes `PREFILL_TILE` rows at once: a CPU does, from as many on."""
    is_flash = options.flash_attention is not False
    return is_flash and options.kv_type == "f16" and devices.first() == "cpu"


def _context_options(facts: native.ModelFacts, options: LoadOptions) -> native.ContextOptions:
    n_cells = options.n_ctx or DEFAULT_CELLS
    has_states = facts.is_recurrent or facts.is_hybrid
    n_seq_max = min(options.n_seq_max, MAX_RECURRENT_SEQUENCES if has_states else MAX_SEQUENCES)
    n_batch = max(min(options.n_batch, n_cells), n_seq_max, PREFILL_TILE)
    # Windows for so many sequences add up to a whole cache: then take it whole, which
    # costs nothing more and can be cut and copied freely.
    swa_full = facts.n_swa * n_seq_max + n_batch >= n_cells
    has_parts = not has_states and (swa_full or not facts.n_swa)
    n_rollback = ROLLBACK_TOKENS if has_states and steps_back(options) else 0
    can_guess = options.speculation != "off" and (n_rollback or not has_states)
    return native.ContextOptions(
        n_cells=n_cells,
        n_batch=n_batch,
        n_seq_max=n_seq_max,
        n_scratch=int(has_parts),
        n_outputs=max(n_seq_max + int(has_parts), min(DRAFT_ROWS, n_batch) if can_guess else 0),
        n_threads=options.n_threads or _threads_for(facts),
        kv_type=options.kv_type or AUTOMATIC_KV_TYPE,
        flash_attention=options.flash_attention,
        embeddings=False,
        swa_full=swa_full,
        n_rollback=n_rollback,
    )


def steps_back(options: LoadOptions) -> bool:
    """Whether recurrent states are to be kept for guesses: only if guessing was asked for."""
    is_asked = options.heads == "on" or options.draft_path is not None
    return options.speculation != "off" and is_asked


def _embedding_options(
    facts: native.ModelFacts, options: native.ContextOptions
) -> native.ContextOptions:
    """A whole input must fit one batch, and every token has an output."""
    n_batch = min(facts.n_ctx_train, options.n_cells)
    return options._replace(
        n_batch=n_batch, n_outputs=0, n_scratch=0, embeddings=True, swa_full=True
    )


def _threads_for(facts: native.ModelFacts) -> int:
    """Every layer ends at a barrier, which a tiny model reaches sooner than threads can meet."""
    return 1 if facts.n_parameters < TINY_PARAMETERS else _physical_cores()


def _physical_cores() -> int:
    """Cores this process may run on; hyper-threads do not help the library."""
    usable = len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else 0
    physical = psutil.cpu_count(logical=False) or 1
    return min(usable, physical) if usable else physical
