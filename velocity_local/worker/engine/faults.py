"""What callers are told of a pass that the library could not compute."""

from velocity_local.core.errors import ModelError, OutOfMemory
from velocity_local.worker.engine.backend import BackendError, NoMemoryError


def told(error: BackendError) -> ModelError:
    """Want of memory may pass, and a smaller prompt may find enough; anything else is a fault."""
    if isinstance(error, NoMemoryError):
        return OutOfMemory(f"no memory could be had to compute this: {error}; ask for less")
    return ModelError(f"the model's library failed: {error}; try again")
