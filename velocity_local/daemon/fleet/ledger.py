"""How many bytes each model takes: estimated before its first load, measured after it."""

from velocity_local.core.models import LoadedModel, LoadOptions, ModelEntry

# What an engine takes by default is its own choice; this much context it will always want.
AUTOMATIC_CONTEXT = 4096
# Compute buffers, the library and the interpreter.
OVERHEAD_BYTES = 128 * 1024 * 1024
MARGIN_PERCENT = 10
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
            self._measured[entry.fingerprint, options] = loaded.memory_bytes + OVERHEAD_BYTES


def estimate_bytes(entry: ModelEntry, options: LoadOptions) -> int:
    """Weights, KV cells and overhead, with a tenth on top."""
    context = options.n_ctx or min(entry.context_length or AUTOMATIC_CONTEXT, AUTOMATIC_CONTEXT)
    kv_bytes = context * entry.kv_bytes_per_token * _KV_PERCENT[options.kv_type] // 100
    needed = entry.size_bytes + kv_bytes + OVERHEAD_BYTES
    return needed + needed * MARGIN_PERCENT // 100
