"""Which adapters a worker has loaded: each when it is first asked for, until it is taken away."""

import logging
from collections.abc import Callable
from pathlib import Path

from velocity_local.core.adapters import Adapter
from velocity_local.core.errors import InvalidAdapter
from velocity_local.worker.engine.backend import Backend, BackendError

_log = logging.getLogger(__name__)


class Adapters:
    """Adapters by key. Belongs to the engine's thread, which stands still while one is read."""

    def __init__(self, backend: Backend, in_use: Callable[[], set[str]]) -> None:
        self._backend = backend
        self._in_use = in_use
        self._loaded: dict[str, Adapter] = {}
        self._leaving: set[str] = set()

    @property
    def keys(self) -> tuple[str, ...]:
        """Those that are loaded, in the order in which they came."""
        return tuple(self._loaded)

    def ensure(self, adapter: Adapter) -> None:
        """Have it loaded. One of the same name and other content leaves when nobody uses it.

        Raises:
            InvalidAdapter: with the library's reason.
        """
        self._leaving.discard(adapter.key)
        if adapter.key in self._loaded:
            return
        try:
            _check_unchanged(adapter)
            self._backend.load_adapter(adapter)
        except (BackendError, OSError) as error:
            raise InvalidAdapter(f"adapter {adapter.id!r}: {error}", param="model") from error
        _log.info("adapter %s is loaded", adapter.id)
        replaced = {key for key, other in self._loaded.items() if other.id == adapter.id}
        self._loaded[adapter.key] = adapter
        self._leaving |= replaced
        self.tidy()

    def forget(self, key: str) -> None:
        """Take it away once no sequence computes with it. Unknown keys are fine."""
        if key in self._loaded:
            self._leaving.add(key)
            self.tidy()

    def tidy(self) -> None:
        """Free what is leaving and out of use; to be called when sequences have ended."""
        if not self._leaving:
            return
        for key in self._leaving - self._in_use():
            self._backend.unload_adapter(key)
            self._leaving.discard(key)
            _log.info("adapter %s is unloaded", self._loaded.pop(key).id)


def _check_unchanged(adapter: Adapter) -> None:
    """An answer that was begun goes on with the same weights, or not at all."""
    state = Path(adapter.path).stat()
    if (state.st_size, state.st_mtime_ns) != (adapter.size_bytes, adapter.modified_ns):
        raise BackendError(f"{adapter.path} has changed since it was looked at; ask again")
