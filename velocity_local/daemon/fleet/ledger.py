"""How many bytes each model takes: estimated before its first load, measured after it."""

import sys

from velocity_local.core.fit import AUTOMATIC_KV_TYPE, FitAsk
from velocity_local.core.models import LoadedModel, LoadOptions, ModelEntry
from velocity_local.daemon.catalog.fit_bytes import AUTOMATIC_CONTEXT, OVERHEAD_BYTES, need_of

MARGIN_PERCENT = 10
# As the worker's: guesses that recurrent states can take back, where guessing was asked for.
ROLLBACK_TOKENS = 3
_KV_PERCENT = {"f16": 100, "f32": 200, "q8_0": 54}


class Ledger:
    """Sizes by model id and load options."""

    def __init__(self) -> None:
        self._measured: dict[tuple[str, LoadOptions], int] = {}

    def size_bytes(self, entry: ModelEntry, options: LoadOptions) -> int:
        """What the model takes while loaded, with all its adapters, as far as is known."""
        measured = self._measured.get((entry.fingerprint, options))
        size_bytes = estimate_bytes(entry, options) if measured is None else measured
        return size_bytes + sum(adapter.size_bytes for adapter in entry.adapters)

    def record(self, entry: ModelEntry, options: LoadOptions, loaded: LoadedModel) -> None:
        """Remember what the engine says it took; a model that does not tell keeps its estimate."""
        if loaded.memory_bytes > 0:
            on_host = loaded.memory_bytes
            if loaded.device != "cpu":
                on_host = _on_host(entry, options, on_host)
            self._measured[entry.fingerprint, options] = on_host + OVERHEAD_BYTES


def estimate_bytes(entry: ModelEntry, options: LoadOptions) -> int:
    """Weights, KV cells, buffers and overhead, at the upper end of what they may be.

    A model that guesses for it has as many cells, and runs in the same process.
    """
    own_bytes = _estimate_bytes(entry, options)
    if entry.draft is None or options.draft_path is None:
        return own_bytes
    return own_bytes + _estimate_bytes(entry.draft, options) - OVERHEAD_BYTES


def _estimate_bytes(entry: ModelEntry, options: LoadOptions) -> int:
    if entry.shape is not None:
        need = need_of(entry.shape, ask_of(options))
        return _on_host(entry, options, need.total_bytes + need.error_bytes)
    context = options.n_ctx or min(entry.context_length or AUTOMATIC_CONTEXT, AUTOMATIC_CONTEXT)
    kv_bytes = (
        context
        * entry.kv_bytes_per_token
        * _KV_PERCENT[options.kv_type or AUTOMATIC_KV_TYPE]
        // 100
    )
    needed = entry.size_bytes + kv_bytes + OVERHEAD_BYTES
    return needed + needed * MARGIN_PERCENT // 100


def _on_host(entry: ModelEntry, options: LoadOptions, size_bytes: int) -> int:
    """Without the layers that were put on a processor with memory of its own."""
    if entry.shape is None or sys.platform == "darwin" or (options.n_gpu_layers or 0) <= 0:
        return size_bytes
    moved = min(options.n_gpu_layers or 0, entry.shape.layers) / entry.shape.layers
    return size_bytes - int((size_bytes - entry.shape.embedding_bytes - OVERHEAD_BYTES) * moved)


def ask_of(options: LoadOptions) -> FitAsk:
    """Load options as the formula takes them."""
    return FitAsk(
        n_ctx=options.n_ctx,
        n_seq_max=options.n_seq_max,
        n_batch=options.n_batch,
        kv_type=options.kv_type or AUTOMATIC_KV_TYPE,
        n_gpu_layers=options.n_gpu_layers,
        flash_attention=options.flash_attention,
        heads="off" if options.speculation == "off" else options.heads,
        n_rollback=_rollback(options),
    )


def _rollback(options: LoadOptions) -> int:
    is_asked = options.heads == "on" or options.draft_path is not None
    return ROLLBACK_TOKENS if is_asked and options.speculation != "off" else 0
