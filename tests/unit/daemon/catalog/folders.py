"""Model files in folders, and what a catalog makes of them."""

from pathlib import Path

from tests.support.gguf import LLAMA, Tensor, gguf
from velocity_local.daemon.catalog.local import LocalCatalog


def put(path: Path, data: bytes | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gguf() if data is None else data)
    return path


def put_split(root: Path, name: str, parts: int, *, write: int | None = None) -> None:
    for part in range(write or parts):
        values = (LLAMA if part == 0 else {}) | {"split.count": parts, "split.no": part}
        data = gguf(values, [Tensor(f"t{part}", (64,))])
        put(root / f"{name}-{part + 1:05d}-of-{parts:05d}.gguf", data)


def ids(catalog: LocalCatalog) -> list[str]:
    return [entry.id for entry in catalog.scan().entries]


def broken(catalog: LocalCatalog) -> dict[str, str]:
    return {model.id: model.reason for model in catalog.scan().broken}
