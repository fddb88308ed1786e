"""Weight by weight: what our check lets through is heard, and what it refuses would not be."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.contract.backends.conftest import OPTIONS, WRITERS
from tests.contract.backends.reading import next_token, prompt
from tests.support.shelved import described
from tests.support.tiny_adapters import ADAPTER_KEYS, RANK, Pair, write_adapter
from velocity_local.core.errors import InvalidAdapter
from velocity_local.daemon.catalog.adapters.lora import EMBEDDING, check
from velocity_local.daemon.catalog.gguf import Header, Tensor, read_header
from velocity_local.worker.backends.llama_cpp.model import load
from velocity_local.worker.engine.backend import Backend, Span

MODELS = ("llama", "gemma2", "mamba")


def header_of(path: Path) -> Header:
    data = path.read_bytes()
    return read_header(io.BytesIO(data), len(data))


def logprobs(backend: Backend, tokens: Sequence[int], adapter: str = "") -> dict[int, float]:
    backend.forward([Span(0, 0, list(tokens), wants_logits=True, adapter=adapter)])
    found = dict(next_token(backend, tokens, top=backend.capabilities.n_vocab).top)
    backend.clear(0)
    return found


def change_of(tensor: Tensor) -> Pair:
    """A small random change of one weight; rows of the embedding are looked up in `a`."""
    random = np.random.default_rng(1)
    n_in, n_out = tensor.shape
    a, b = random.normal(0, 0.3, (RANK, n_in)), random.normal(0, 0.05, (n_out, RANK))
    if tensor.name.decode() == EMBEDDING:
        a, b = b, random.normal(0, 0.3, (n_in, RANK))
    return Pair(tensor.name.decode(), a.astype(np.float32), b.astype(np.float32))


def is_let_through(path: Path, base: Header) -> bool:
    try:
        check(header_of(path), [base])
    except InvalidAdapter:
        return False
    return True


@pytest.mark.parametrize("name", MODELS)
def test_what_is_let_through_is_heard_and_nothing_else(
    name: str, model_files: dict[str, Path], tmp_path: Path
) -> None:
    assert name in WRITERS
    base = header_of(model_files[name])
    backend = load(str(model_files[name]), OPTIONS)
    tokens = prompt(backend, 20)
    plain = logprobs(backend, tokens)
    keys = {**ADAPTER_KEYS, "general.architecture": name}
    heard, refused = [], []
    for tensor in base.tensors:
        weight = tensor.name.decode()
        if len(tensor.shape) != 2 or weight.startswith("blk.1."):
            continue
        path = write_adapter(tmp_path / "one.gguf", [change_of(tensor)], keys=keys)
        if not is_let_through(path, base):
            refused.append(weight)
            if weight == EMBEDDING:
                continue  # the output as well: the library would end this process
        adapter = described(path, name=weight)
        backend.load_adapter(adapter)
        changed = logprobs(backend, tokens, adapter.key)
        backend.unload_adapter(adapter.key)
        if max(abs(changed[token] - plain[token]) for token in plain) > 0.01:
            heard.append(weight)
    backend.close()
    assert not set(heard) & set(refused)
    assert len(heard) + len(refused) == sum(
        len(t.shape) == 2 and not t.name.startswith(b"blk.1.") for t in base.tensors
    )
    assert len(heard) >= 6
