"""Which adapters are for a model, by headers alone; each of these refusals has a case that aborts
or is passed over in silence inside the library.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import tiny_adapters, tiny_models
from tests.support.gguf import key_value, typed
from tests.support.tiny_adapters import ADAPTER_KEYS, Pair
from tests.support.tiny_models import F16, F32, Tensor, write_gguf
from velocity_local.core.errors import InvalidAdapter
from velocity_local.daemon.catalog.adapters.lora import check
from velocity_local.daemon.catalog.gguf import Header, read_header
from velocity_local.daemon.catalog.gguf import Tensor as GgufTensor

BASE = tiny_models.llama_tensors()
PAIRS = tiny_adapters.pairs_of(BASE)
FLOAT64, UINT32 = 12, 4


def header_of(path: Path) -> Header:
    data = path.read_bytes()
    return read_header(io.BytesIO(data), len(data))


@pytest.fixture
def base(tmp_path: Path) -> Header:
    return header_of(tiny_models.write_llama(tmp_path / "base.gguf"))


def adapter(folder: Path, pairs: list[Pair], **keys: Any) -> Header:
    wanted = {key: value for key, value in {**ADAPTER_KEYS, **keys}.items() if value is not None}
    return header_of(tiny_adapters.write_adapter(folder / "a.gguf", pairs, keys=wanted))


def matrix(*shape: int) -> Any:
    return np.zeros(shape, np.float32)


def test_an_adapter_of_the_model_fits(tmp_path: Path, base: Header) -> None:
    assert check(adapter(tmp_path, PAIRS), [base]) == (tiny_adapters.RANK, 2 * len(PAIRS))


def test_a_model_in_parts_is_looked_at_whole(tmp_path: Path, base: Header) -> None:
    first = base._replace(tensors=base.tensors[:5])
    second = base._replace(tensors=base.tensors[5:])
    assert check(adapter(tmp_path, PAIRS), [first, second]).tensors == 2 * len(PAIRS)
    with pytest.raises(InvalidAdapter, match="does not have"):
        check(adapter(tmp_path, PAIRS), [first])


def test_the_embedding_may_be_changed_where_the_output_is_another(
    tmp_path: Path, base: Header
) -> None:
    pair = Pair("token_embd.weight", matrix(tiny_models.N_VOCAB, 4), matrix(tiny_models.N_EMBD, 4))
    assert check(adapter(tmp_path, [pair]), [base]).rank == 4
    tied = base._replace(tensors=tuple(t for t in base.tensors if t.name != b"output.weight"))
    with pytest.raises(InvalidAdapter, match="output as well"):
        check(adapter(tmp_path, [pair]), [tied])


Q = "blk.0.attn_q.weight"
KEY_CASES: list[tuple[str, dict[str, Any], str]] = [
    ("another architecture", {"general.architecture": "gemma2"}, "'gemma2'; the model is 'llama'"),
    ("a model", {"general.type": "model"}, "no LoRA adapter"),
    ("no type", {"general.type": None}, "no LoRA adapter"),
    ("a control vector", {"adapter.type": "cvec"}, "no LoRA adapter"),
    ("alpha is no number", {"adapter.lora.alpha": float("nan")}, "finite"),
    ("alpha without end", {"adapter.lora.alpha": float("inf")}, "finite"),
    ("alpha is a text", {"adapter.lora.alpha": "8"}, "another type"),
    ("the architecture is a number", {"general.architecture": 7}, "another type"),
    ("an activated adapter", {"adapter.alora.invocation_tokens": [1, 2]}, "aLoRA"),
]
PAIR_CASES: list[tuple[str, Pair, str]] = [
    ("wider", Pair(Q, matrix(4, 128), matrix(64, 4)), "made for another"),
    ("taller", Pair(Q, matrix(4, 64), matrix(128, 4)), "made for another"),
    ("two ranks", Pair(Q, matrix(4, 64), matrix(64, 8)), "made for another"),
    ("a layer too many", Pair("blk.9.attn_q.weight", matrix(4, 64), matrix(64, 4)), "not have"),
    ("a norm", Pair("blk.0.attn_norm.weight", matrix(4, 64), matrix(1, 4)), "applies no adapter"),
    ("a row", Pair("blk.0.attn_q.bias", matrix(4, 64), matrix(1, 4)), "not have"),
    ("experts", Pair(Q, matrix(2, 4, 64), matrix(2, 64, 4)), "made for another"),
    (
        "embedding as others",
        Pair("token_embd.weight", matrix(4, 64), matrix(286, 4)),
        "made for another",
    ),
    ("no rank", Pair(Q, matrix(0, 64), matrix(64, 0)), "rank 0"),
    ("embedding of two ranks", Pair("token_embd.weight", matrix(286, 4), matrix(64, 8)), "another"),
]


@pytest.mark.parametrize(
    ("keys", "reason"), [c[1:] for c in KEY_CASES], ids=[c[0] for c in KEY_CASES]
)
def test_keys_that_are_refused(
    keys: dict[str, Any], reason: str, tmp_path: Path, base: Header
) -> None:
    with pytest.raises(InvalidAdapter, match=reason):
        check(adapter(tmp_path, PAIRS, **keys), [base])


@pytest.mark.parametrize(
    ("pair", "reason"), [c[1:] for c in PAIR_CASES], ids=[c[0] for c in PAIR_CASES]
)
def test_tensors_that_are_refused(pair: Pair, reason: str, tmp_path: Path, base: Header) -> None:
    with pytest.raises(InvalidAdapter, match=reason):
        check(adapter(tmp_path, [pair]), [base])


def written(folder: Path, tensors: list[Tensor], *extra: bytes) -> Header:
    records = [key_value(key, value) for key, value in ADAPTER_KEYS.items()]
    return header_of(write_gguf(folder / "a.gguf", [*records, *extra], tensors))


def of(name: str, *shape: int, kind: int = F16) -> Tensor:
    return Tensor(name, matrix(*shape), kind)


LONE: list[tuple[str, Callable[[], list[Tensor]], str]] = [
    ("no tensors", list, "no tensors"),
    ("half a pair", lambda: [of(f"{Q}.lora_a", 4, 64)], "only one"),
    ("a whole norm", lambda: [of("blk.0.attn_norm.weight", 64, kind=F32)], "other means"),
    (
        "whole numbers",
        lambda: [of(f"{Q}.lora_a", 4, 64, kind=26), of(f"{Q}.lora_b", 64, 4)],
        "I32; convert",
    ),
]


@pytest.mark.parametrize(("tensors", "reason"), [c[1:] for c in LONE], ids=[c[0] for c in LONE])
def test_what_is_no_pair_is_refused(
    tensors: Callable[[], list[Tensor]], reason: str, tmp_path: Path, base: Header
) -> None:
    with pytest.raises(InvalidAdapter, match=reason):
        check(written(tmp_path, tensors()), [base])


def test_an_alpha_in_double_precision_would_end_the_process(tmp_path: Path, base: Header) -> None:
    keys = {key: value for key, value in ADAPTER_KEYS.items() if key != "adapter.lora.alpha"}
    records = [key_value(key, value) for key, value in keys.items()]
    records.append(typed("adapter.lora.alpha", FLOAT64, 8.0))
    tensors = [of(f"{Q}.lora_a", 4, 64), of(f"{Q}.lora_b", 64, 4)]
    header = header_of(write_gguf(tmp_path / "a.gguf", records, tensors))
    with pytest.raises(InvalidAdapter, match="another type"):
        check(header, [base])


@pytest.mark.parametrize(
    ("architecture", "name"),
    [
        ("mamba", "blk.0.ssm_conv1d.weight"),
        ("mamba", "blk.0.ssm_a"),
        ("bert", "position_embd.weight"),
        ("deepseek2", "blk.3.attn_kv_a_mqa.weight"),
        ("deepseek2", "blk.3.attn_output.weight"),
        ("deepseek2", "output.weight"),
        ("rwkv7", "blk.0.time_mix_w1.weight"),
        ("gemma3n", "altup_proj.weight"),
    ],
)
def test_a_change_that_the_engine_would_pass_over_is_refused(
    architecture: str, name: str, tmp_path: Path, base: Header
) -> None:
    header = base._replace(
        values={"general.architecture": architecture},
        tensors=(GgufTensor(name.encode(), "F16", 64 * 64, 64 * 64 * 2, 0, (64, 64)),),
    )
    pairs = [Pair(name, matrix(4, 64), matrix(64, 4))]
    changed = adapter(tmp_path, pairs, **{"general.architecture": architecture})
    with pytest.raises(InvalidAdapter, match="merge it into the model"):
        check(changed, [header])


@pytest.mark.parametrize(
    ("architecture", "name"),
    [
        ("mamba", "blk.0.ssm_in.weight"),
        ("mamba", "blk.0.ssm_x.weight"),
        ("deepseek2", "blk.3.ffn_down.weight"),
        ("llama", "output.weight"),
        ("rwkv7", "blk.0.time_mix_key.weight"),
        ("lfm2", "blk.0.shortconv.in_proj.weight"),
    ],
)
def test_what_it_does_apply_is_let_through(
    architecture: str, name: str, tmp_path: Path, base: Header
) -> None:
    header = base._replace(
        values={"general.architecture": architecture},
        tensors=(GgufTensor(name.encode(), "F16", 64 * 64, 64 * 64 * 2, 0, (64, 64)),),
    )
    pairs = [Pair(name, matrix(4, 64), matrix(64, 4))]
    changed = adapter(tmp_path, pairs, **{"general.architecture": architecture})
    assert check(changed, [header]).tensors == 2
