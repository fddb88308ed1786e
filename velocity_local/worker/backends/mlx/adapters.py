"""LoRA adapters of one model: loaded, freed, and set before a pass."""

from velocity_local.core.adapters import Adapter
from velocity_local.worker.backends.mlx.lora import Adapted, Deltas, read_adapter
from velocity_local.worker.backends.mlx.native import Model
from velocity_local.worker.engine.backend import BackendError


class LoadedAdapters:
    """Adapters by key. The model computes with one of them, or with none."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._adapted = Adapted(model)
        self._loaded: dict[str, Deltas] = {}
        self._current = ""

    def load(self, adapter: Adapter) -> None:
        """Read an adapter's files; one that is there already is fine.

        Raises:
            BackendError: if it cannot be read, or is not for this model.
        """
        if adapter.key not in self._loaded:
            self._loaded[adapter.key] = read_adapter(self._model, adapter)

    def unload(self, key: str) -> None:
        """Unknown keys are fine."""
        if key == self._current:
            self.use("")
        self._loaded.pop(key, None)

    def use(self, key: str) -> None:
        """Compute with this adapter from now on.

        Raises:
            BackendError: if it is not loaded.
        """
        if key == self._current:
            return
        if key and key not in self._loaded:
            raise BackendError(f"adapter {key} is not loaded")
        self._adapted.set(self._loaded.get(key, {}))
        self._current = key
