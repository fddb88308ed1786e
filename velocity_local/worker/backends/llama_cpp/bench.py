"""One GGUF model, its weights loaded once, opened again and again with other options."""

import time

from velocity_local.core.models import LoadOptions
from velocity_local.worker.backends.llama_cpp import log, native
from velocity_local.worker.backends.llama_cpp.model import LlamaCppBackend


def open_bench(path: str, options: LoadOptions) -> "LlamaCppBench":
    """Load the weights; raises BackendError with the library's own reason."""
    native.start()
    log.forget_buffers()
    return LlamaCppBench(native.open_model(path, options))


class LlamaCppBench:
    """Implements `tuning.trial.Bench`. What differs between trials belongs to the context."""

    def __init__(self, model: int) -> None:
        self._model = model

    def open(self, options: LoadOptions) -> LlamaCppBackend:
        started_s = time.monotonic()
        return LlamaCppBackend(self._model, options, started_s=started_s, owns_model=False)

    def close(self) -> None:
        native.close_model(self._model)
