"""Which backends there are. A literal table: a backend is imported only when it is asked for."""

import importlib
from collections.abc import Callable
from typing import cast

from velocity_local.core.models import LoadOptions
from velocity_local.worker.engine.backend import Backend, BackendError
from velocity_local.worker.tuning.trial import Bench

BACKENDS: dict[str, str] = {
    "llama_cpp": "velocity_local.worker.backends.llama_cpp.model:load",
    "mlx": "velocity_local.worker.backends.mlx.model:load",
    "fake": "velocity_local.worker.backends.fake.model:load",
}
BENCHES: dict[str, str] = {
    "llama_cpp": "velocity_local.worker.backends.llama_cpp.bench:open_bench",
    "mlx": "velocity_local.worker.backends.mlx.bench:open_bench",
    "fake": "velocity_local.worker.backends.fake.bench:open_bench",
}

Loader = Callable[[str, LoadOptions], Backend]


def load(path: str, options: LoadOptions) -> Backend:
    """Load a model with the backend that `options` names.

    Raises:
        BackendError: if there is no such backend, or it cannot load the file.
    """
    return loader(options.backend)(path, options)


def loader(backend: str) -> Loader:
    """The function that loads models with a backend; imports that, and raises as `load`."""
    return cast("Loader", _function(BACKENDS, backend))


def open_bench(path: str, options: LoadOptions) -> Bench:
    """A model to be opened again and again with other options; raises as `load`."""
    opener = _function(BENCHES, options.backend)
    return cast("Callable[[str, LoadOptions], Bench]", opener)(path, options)


def _function(table: dict[str, str], backend: str) -> object:
    target = table.get(backend)
    if target is None:
        known = ", ".join(sorted(table))
        raise BackendError(f"no backend {backend!r} in this build; there are {known}")
    module, function = target.split(":")
    try:
        found: object = getattr(importlib.import_module(module), function)
    except ImportError as error:
        raise BackendError(
            f"backend {backend!r} is not installed ({error}); "
            f'install it with: pip install "velocity-local[{backend}]"'
        ) from error
    return found
