"""Tiny models of several architectures with random weights, written as GGUF in milliseconds.

They say nothing sensible, but they are real: their caches behave as those of their big
relatives. Names and shapes of the tensors are those that llama.cpp's `src/models` asks for.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.support.gguf import MAGIC, key_value, string

N_EMBD, N_FF, N_HEADS, N_LAYERS, N_CTX = 64, 128, 4, 2, 512
WINDOW = 32
LETTERS = "abcdefghijklmnopqrstuvwxyz"
F32, F16 = 0, 1
_UNKNOWN, _CONTROL, _NORMAL, _BYTE = 2, 3, 1, 6
_TOKENS = (
    [("<unk>", _UNKNOWN), ("<s>", _CONTROL), ("</s>", _CONTROL)]
    + [(f"<0x{byte:02X}>", _BYTE) for byte in range(256)]
    + [(text, _NORMAL) for text in ("▁", *LETTERS)]
)
N_VOCAB = len(_TOKENS)
_STATE_CONV, _STATE_WIDTH, _STATE_HEADS = 4, 16, 2
HYBRID_SIZES = {
    "qwen35.ssm.conv_kernel": _STATE_CONV,
    "qwen35.ssm.inner_size": _STATE_WIDTH * _STATE_HEADS,
    "qwen35.ssm.state_size": _STATE_WIDTH,
    "qwen35.ssm.time_step_rank": _STATE_HEADS,
    "qwen35.ssm.group_count": _STATE_HEADS,
    "qwen35.full_attention_interval": N_LAYERS,
    "qwen35.rope.dimension_sections": [3, 3, 2, 0],
}


class Tensor(NamedTuple):
    """`values` has the slowest axis first, as numpy does; `kind` is a ggml type id."""

    name: str
    values: NDArray[np.float32]
    kind: int

    def data(self) -> bytes:
        raw = self.values.astype("<f2" if self.kind == F16 else "<f4").tobytes()
        return raw + bytes(-len(raw) % 32)


class Weights:
    """Draws tensors; shapes are given as the library writes them, fastest axis first."""

    def __init__(self, seed: int = 7) -> None:
        self._random = np.random.default_rng(seed)

    def matrix(self, name: str, *shape: int, std: float | None = None, kind: int = F16) -> Tensor:
        spread = 1.6 / shape[0] ** 0.5 if std is None else std
        values = self._random.normal(0, spread, shape[::-1]).astype(np.float32)
        return Tensor(name, values, kind)

    def vector(self, name: str, size: int, *, around: float = 0.0) -> Tensor:
        values = around + self._random.normal(0, 0.1, size).astype(np.float32)
        return Tensor(name, values, F32)


Feed = Callable[[Weights, str], list[Tensor]]


def write_llama(path: Path, **templates: str) -> Path:
    """Plain attention: the cache can be cut and copied anywhere.

    `templates` are chat templates by variant; `default` is the one without a variant.
    """
    return write_llama_of(path, llama_tensors(), templates)


def llama_tensors() -> list[Tensor]:
    """The weights of `write_llama`, to be changed and written by `write_llama_of`."""
    weights = Weights()
    return [*embeddings(weights), *_blocks(weights, kv_heads=2)]


def write_llama_of(
    path: Path, tensors: list[Tensor], templates: Mapping[str, str] | None = None
) -> Path:
    key = "tokenizer.chat_template"
    extra: dict[str, Any] = {"llama.attention.head_count_kv": 2}
    for variant, source in (templates or {}).items():
        extra[key if variant == "default" else f"{key}.{variant}"] = source
    return write_model(path, "llama", extra, tensors)


def write_sliding_window(path: Path) -> Path:
    """Gemma 2: every other layer sees only the last `WINDOW` tokens."""
    weights = Weights()
    # Input and output share the embedding: small, or every token would call for itself.
    tensors = [
        weights.matrix("token_embd.weight", N_EMBD, N_VOCAB, std=0.05),
        weights.vector("output_norm.weight", N_EMBD, around=6),
        *_blocks(weights, kv_heads=N_HEADS),
    ]
    tensors += [
        weights.vector(f"blk.{i}.{name}.weight", N_EMBD, around=1)
        for i in range(N_LAYERS)
        for name in ("post_attention_norm", "post_ffw_norm")
    ]
    return write_model(path, "gemma2", {"gemma2.attention.sliding_window": WINDOW}, tensors)


def write_recurrent(path: Path) -> Path:
    """Mamba: a state instead of a cache."""
    conv, inner, state, rank = 4, 2 * N_EMBD, 16, 4
    weights = Weights()
    tensors = embeddings(weights)
    for i in range(N_LAYERS):
        b = f"blk.{i}"
        tensors += [
            weights.vector(f"{b}.attn_norm.weight", N_EMBD, around=1),
            weights.matrix(f"{b}.ssm_in.weight", N_EMBD, 2 * inner),
            weights.matrix(f"{b}.ssm_conv1d.weight", conv, inner, kind=F32),
            weights.vector(f"{b}.ssm_conv1d.bias", inner),
            weights.matrix(f"{b}.ssm_x.weight", inner, rank + 2 * state),
            weights.matrix(f"{b}.ssm_dt.weight", rank, inner, kind=F32),
            weights.vector(f"{b}.ssm_dt.bias", inner),
            Tensor(f"{b}.ssm_a", -np.ones((inner, state), np.float32), F32),
            weights.vector(f"{b}.ssm_d", inner, around=1),
            weights.matrix(f"{b}.ssm_out.weight", inner, N_EMBD),
        ]
    sizes = {"conv_kernel": conv, "inner_size": inner, "state_size": state, "time_step_rank": rank}
    return write_model(
        path, "mamba", {f"mamba.ssm.{key}": size for key, size in sizes.items()}, tensors
    )


def write_hybrid(path: Path) -> Path:
    """Qwen 3.5: a layer with a state (gated delta net), then one with a cache."""
    weights = Weights()
    return write_model(path, "qwen35", HYBRID_SIZES, hybrid_tensors(weights, dense))


def hybrid_tensors(weights: Weights, feed: Feed) -> list[Tensor]:
    conv, width, heads = _STATE_CONV, _STATE_WIDTH, _STATE_HEADS
    values = keys = width * heads
    tensors = embeddings(weights)
    for i in range(N_LAYERS):
        tensors += hybrid_block(weights, f"blk.{i}", feed)
    tensors += [
        weights.matrix("blk.0.attn_qkv.weight", N_EMBD, 2 * keys + values),
        weights.matrix("blk.0.attn_gate.weight", N_EMBD, values),
        weights.matrix("blk.0.ssm_conv1d.weight", conv, 2 * keys + values, kind=F32),
        weights.vector("blk.0.ssm_dt.bias", heads),
        weights.vector("blk.0.ssm_a", heads, around=-1),
        weights.matrix("blk.0.ssm_beta.weight", N_EMBD, heads),
        weights.matrix("blk.0.ssm_alpha.weight", N_EMBD, heads),
        weights.vector("blk.0.ssm_norm.weight", width, around=1),
        weights.matrix("blk.0.ssm_out.weight", values, N_EMBD),
        *gated_attention(weights, "blk.1"),
    ]
    return tensors


def hybrid_block(weights: Weights, block: str, feed: Feed) -> list[Tensor]:
    return [
        weights.vector(f"{block}.attn_norm.weight", N_EMBD, around=1),
        weights.vector(f"{block}.post_attention_norm.weight", N_EMBD, around=1),
        *feed(weights, block),
    ]


def dense(weights: Weights, block: str) -> list[Tensor]:
    return [
        weights.matrix(f"{block}.ffn_gate.weight", N_EMBD, N_FF),
        weights.matrix(f"{block}.ffn_up.weight", N_EMBD, N_FF),
        weights.matrix(f"{block}.ffn_down.weight", N_FF, N_EMBD),
    ]


def gated_attention(weights: Weights, block: str) -> list[Tensor]:
    head_width = N_EMBD // N_HEADS
    return [
        weights.matrix(f"{block}.attn_q.weight", N_EMBD, 2 * N_EMBD),
        weights.matrix(f"{block}.attn_k.weight", N_EMBD, N_EMBD),
        weights.matrix(f"{block}.attn_v.weight", N_EMBD, N_EMBD),
        weights.matrix(f"{block}.attn_output.weight", N_EMBD, N_EMBD),
        weights.vector(f"{block}.attn_q_norm.weight", head_width, around=1),
        weights.vector(f"{block}.attn_k_norm.weight", head_width, around=1),
    ]


def write_encoder(path: Path, *, pooling: int) -> Path:
    """BERT, with the number of a llama_pooling_type."""
    weights = Weights()
    tensors = [
        weights.matrix("token_embd.weight", N_EMBD, N_VOCAB),
        weights.matrix("token_types.weight", N_EMBD, 2, kind=F32),
        weights.matrix("position_embd.weight", N_EMBD, N_CTX, kind=F32),
        weights.vector("token_embd_norm.weight", N_EMBD, around=1),
        weights.vector("token_embd_norm.bias", N_EMBD),
    ]
    for i in range(N_LAYERS):
        b = f"blk.{i}"
        tensors += attention(weights, b, kv_heads=N_HEADS)
        tensors += [
            weights.matrix(f"{b}.ffn_up.weight", N_EMBD, N_FF),
            weights.matrix(f"{b}.ffn_down.weight", N_FF, N_EMBD),
        ]
        for name in ("attn_output_norm", "layer_output_norm"):
            tensors.append(weights.vector(f"{b}.{name}.weight", N_EMBD, around=1))
            tensors.append(weights.vector(f"{b}.{name}.bias", N_EMBD))
    extra = {
        "bert.attention.layer_norm_epsilon": 1e-5,
        "bert.attention.causal": False,
        "bert.pooling_type": pooling,
        "tokenizer.ggml.token_type_count": 2,
    }
    return write_model(path, "bert", extra, tensors)


def write_embedder(path: Path) -> Path:
    """A decoder that pools the last token, as Qwen's embedding models do."""
    weights = Weights()
    tensors = [*embeddings(weights), *_blocks(weights, kv_heads=2)]
    extra = {"llama.attention.head_count_kv": 2, "llama.pooling_type": 3}
    return write_model(path, "llama", extra, tensors)


def embeddings(weights: Weights) -> list[Tensor]:
    return [
        weights.matrix("token_embd.weight", N_EMBD, N_VOCAB, std=1.0),
        weights.vector("output_norm.weight", N_EMBD, around=1),
        weights.matrix("output.weight", N_EMBD, N_VOCAB, std=0.5),
    ]


def _blocks(weights: Weights, *, kv_heads: int) -> Iterator[Tensor]:
    for i in range(N_LAYERS):
        b = f"blk.{i}"
        yield weights.vector(f"{b}.attn_norm.weight", N_EMBD, around=1)
        yield from attention(weights, b, kv_heads=kv_heads)
        yield weights.vector(f"{b}.ffn_norm.weight", N_EMBD, around=1)
        yield weights.matrix(f"{b}.ffn_gate.weight", N_EMBD, N_FF)
        yield weights.matrix(f"{b}.ffn_up.weight", N_EMBD, N_FF)
        yield weights.matrix(f"{b}.ffn_down.weight", N_FF, N_EMBD)


def attention(weights: Weights, block: str, *, kv_heads: int) -> Iterator[Tensor]:
    kv_width = N_EMBD // N_HEADS * kv_heads
    yield weights.matrix(f"{block}.attn_q.weight", N_EMBD, N_EMBD)
    yield weights.matrix(f"{block}.attn_k.weight", N_EMBD, kv_width)
    yield weights.matrix(f"{block}.attn_v.weight", N_EMBD, kv_width)
    yield weights.matrix(f"{block}.attn_output.weight", N_EMBD, N_EMBD)


def write_model(path: Path, arch: str, extra: Mapping[str, Any], tensors: list[Tensor]) -> Path:
    head_width = N_EMBD // N_HEADS
    values: dict[str, Any] = {
        "general.architecture": arch,
        "general.name": f"tiny-{arch}",
        f"{arch}.block_count": N_LAYERS + extra.get(f"{arch}.nextn_predict_layers", 0),
        f"{arch}.context_length": N_CTX,
        f"{arch}.embedding_length": N_EMBD,
        f"{arch}.feed_forward_length": N_FF,
        f"{arch}.attention.head_count": N_HEADS,
        f"{arch}.attention.key_length": head_width,
        f"{arch}.attention.value_length": head_width,
        f"{arch}.attention.layer_norm_rms_epsilon": 1e-5,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": [text for text, _ in _TOKENS],
        "tokenizer.ggml.scores": [-float(i) for i in range(N_VOCAB)],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        **extra,
    }
    pairs = [key_value(key, value) for key, value in values.items()]
    kinds = np.array([kind for _, kind in _TOKENS], "<i4")
    pairs.append(
        string(b"tokenizer.ggml.token_type") + struct.pack("<IIQ", 9, 5, N_VOCAB) + kinds.tobytes()
    )
    return write_gguf(path, pairs, tensors)


def write_gguf(path: Path, pairs: list[bytes], tensors: list[Tensor]) -> Path:
    """A file of these key-value records and tensors."""
    head = MAGIC + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs)
    body = b""
    for tensor in tensors:
        shape = tensor.values.shape[::-1]
        head += string(tensor.name.encode()) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}Q", *shape)
        head += struct.pack("<IQ", tensor.kind, len(body))
        body += tensor.data()
    path.write_bytes(head + bytes(-len(head) % 32) + body)
    return path
