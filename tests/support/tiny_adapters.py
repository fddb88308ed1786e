"""LoRA adapters of the tiny models with random weights, and the same models with them merged."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.support.gguf import key_value
from tests.support.tiny_models import F16, F32, Tensor, llama_tensors, write_gguf, write_llama_of
from velocity_local.daemon.catalog.gguf import read_header

RANK, ALPHA = 4, 8.0
PROJECTIONS = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
ADAPTER_KEYS: dict[str, Any] = {
    "general.type": "adapter",
    "general.architecture": "llama",
    "general.name": "tiny-adapter",
    "adapter.type": "lora",
    "adapter.lora.alpha": ALPHA,
}


class Pair(NamedTuple):
    """`a` is (rank, in), `b` is (out, rank): the weight changes by a multiple of `b @ a`."""

    weight: str
    a: NDArray[np.float32]
    b: NDArray[np.float32]


def pairs_of(
    tensors: Sequence[Tensor],
    *,
    seed: int = 1,
    projections: Sequence[str] = PROJECTIONS,
    strength: float = 0.4,
) -> list[Pair]:
    """A random change of each of these projections in every layer, large enough to be heard."""
    random = np.random.default_rng(seed)
    pairs = []
    for tensor in tensors:
        if any(tensor.name.endswith(f".{name}.weight") for name in projections):
            n_out, n_in = tensor.values.shape
            a = _rounded(random.normal(0, 1 / n_in**0.5, (RANK, n_in)))
            b = _rounded(random.normal(0, strength, (n_out, RANK)))
            pairs.append(Pair(tensor.name, a, b))
    return pairs


def write_adapter(
    path: Path,
    pairs: Sequence[Pair],
    *,
    keys: Mapping[str, Any] = ADAPTER_KEYS,
    kind: int = F16,
) -> Path:
    records = [key_value(key, value) for key, value in keys.items()]
    tensors = []
    for pair in pairs:
        tensors.append(Tensor(f"{pair.weight}.lora_a", pair.a, kind))
        tensors.append(Tensor(f"{pair.weight}.lora_b", pair.b, kind))
    return write_gguf(path, records, tensors)


def write_llama_adapter(path: Path, *, seed: int = 1) -> Path:
    """An adapter of `tiny_models.write_llama`."""
    return write_adapter(path, pairs_of(llama_tensors(), seed=seed))


def write_adapter_of(base: Path, path: Path, *, seed: int = 1, strength: float = 0.4) -> Path:
    """An adapter of any llama in a GGUF file."""
    with base.open("rb") as file:
        header = read_header(file, base.stat().st_size)
    shapes = [
        Tensor(tensor.name.decode(), np.empty(tensor.shape[::-1], np.float32), F16)
        for tensor in header.tensors
    ]
    return write_adapter(path, pairs_of(shapes, seed=seed, strength=strength))


def write_merged_llama(path: Path, *, seed: int = 1, scale: float = 1.0) -> Path:
    """`write_llama` with the adapter of that seed added to its weights."""
    base = llama_tensors()
    changes = {
        pair.weight: scale * ALPHA / RANK * (pair.b @ pair.a) for pair in pairs_of(base, seed=seed)
    }
    merged = [
        Tensor(tensor.name, _half(tensor.values) + changes[tensor.name], F32)
        if tensor.name in changes
        else tensor
        for tensor in base
    ]
    return write_llama_of(path, merged)


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float32]:
    return _half(values.astype(np.float32))


def _half(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """As a file in F16 holds them."""
    return values.astype(np.float16).astype(np.float32)
