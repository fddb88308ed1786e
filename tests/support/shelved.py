"""Adapters as the daemon would describe them to a worker."""

from pathlib import Path

from velocity_local.core.adapters import Adapter


def described(
    path: Path, *, name: str = "a", model: str = "m", fingerprint: str = "", scale: float = 1.0
) -> Adapter:
    """The adapter in a file, with a fingerprint of one's choice."""
    is_there = path.exists()
    state = path.stat() if is_there else None
    return Adapter(
        model=model,
        name=name,
        path=str(path),
        fingerprint=fingerprint or name,
        size_bytes=0 if state is None else state.st_size,
        rank=4,
        tensors=28,
        scale=scale,
        modified_ns=0 if state is None else state.st_mtime_ns,
    )
