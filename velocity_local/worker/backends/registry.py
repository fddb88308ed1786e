"""Which backends there are. A literal table: a backend is imported only when it is asked for."""

import importlib
from collections.abc import Callable
from typing import cast

from velocity_local.core.models import LoadOptions
from velocity_local.worker.engine.backend import Backend, BackendError

BACKENDS: dict[str, str] = {
    "llama_cpp": "velocity_local.worker.backends.llama_cpp.model:load",
    "fake": "velocity_local.worker.backends.fake.model:load",
}


def load(path: str, options: LoadOptions) -> Backend:
    """Load a model with the backend that `options` names.

    Raises:
        BackendError: if there is no such backend, or it cannot load the file.
    """
    target = BACKENDS.get(options.backend)
    if target is None:
        known = ", ".join(sorted(BACKENDS))
        raise BackendError(f"no backend {options.backend!r} in this build; there are {known}")
    module, function = target.split(":")
    try:
        loader = getattr(importlib.import_module(module), function)
    except ImportError as error:
        raise BackendError(f"backend {options.backend!r} is not installed: {error}") from error
    return cast("Callable[[str, LoadOptions], Backend]", loader)(path, options)
