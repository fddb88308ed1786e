"""LoRA adapters of one model: loaded, freed, and set on its context before a pass."""

from velocity_local.core.adapters import Adapter
from velocity_local.worker.backends.llama_cpp import native_adapters as native
from velocity_local.worker.engine.backend import BackendError


class LoadedAdapters:
    """Adapters by key. The context computes with one of them, or with none."""

    def __init__(self, model: int, context: int) -> None:
        self._model = model
        self._context = context
        self._loaded: dict[str, tuple[int, float]] = {}
        self._current = ""

    def load(self, adapter: Adapter) -> None:
        """Read an adapter's file; one that is there already is fine.

        Raises:
            BackendError: with the library's own reason.
        """
        if adapter.key not in self._loaded:
            handle = native.load_adapter(self._model, adapter.path)
            self._loaded[adapter.key] = handle, adapter.scale

    def unload(self, key: str) -> None:
        """Unknown keys are fine."""
        if key == self._current:
            self.use("")
        handle, _ = self._loaded.pop(key, (None, 0.0))
        if handle is not None:
            native.free_adapter(handle)

    def use(self, key: str) -> None:
        """Compute with this adapter from now on. A change costs the next pass some ms.

        Raises:
            BackendError: if it is not loaded.
        """
        if key == self._current:
            return
        if key and key not in self._loaded:
            raise BackendError(f"adapter {key} is not loaded")
        native.set_adapter(self._context, self._loaded.get(key))
        self._current = key

    def close(self) -> None:
        for key in list(self._loaded):
            self.unload(key)
