"""Memory that the GPU holds fast. Too much of it freezes a Mac, or ends it.

Metal tells how much it can work with. What would be more is refused before it is read; what is
loaded is held (wired), so that the system does not page it out between requests, and no more than
that; and buffers that the library keeps for reuse are bounded.
"""

from velocity_local.worker.backends.mlx.native import mx
from velocity_local.worker.engine.backend import NoMemoryError

# Share of what Metal recommends that weights and cells may take: the rest is for what a pass
# computes with, and for the screen.
WIRED_SHARE = 0.9
# Buffers kept for the next pass
_CACHE_BYTES = 1024**3


def limit_bytes() -> int | None:
    """What may be wired on this device; None where memory is not wired."""
    if not mx.metal.is_available() or mx.default_device() == mx.cpu:
        return None
    recommended = mx.device_info().get("max_recommended_working_set_size")
    return None if not recommended else int(recommended * WIRED_SHARE)


def check(wanted_bytes: int) -> None:
    """Whether so much can be held.

    Raises:
        NoMemoryError: with both numbers.
    """
    limit = limit_bytes()
    if limit is not None and wanted_bytes > limit:
        raise NoMemoryError(
            f"the model needs {wanted_bytes} bytes of GPU memory, and this machine can hold "
            f"{limit}; take a smaller quantization or less context (engine.n_ctx)"
        )


def reserve(wanted_bytes: int) -> None:
    """Hold what was loaded, and let nothing grow beyond the limit.

    Raises:
        NoMemoryError: as `check`.
    """
    limit = limit_bytes()
    if limit is None:
        return
    check(wanted_bytes)
    mx.set_wired_limit(wanted_bytes)
    mx.set_memory_limit(limit)
    mx.set_cache_limit(min(_CACHE_BYTES, max(0, limit - wanted_bytes)))
