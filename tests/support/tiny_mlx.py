"""Tiny models in MLX's form with random weights: the same vocabulary as `tiny_models`.

Their configs are those of mlx-lm's classes, which are asked for the names and shapes of weights.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.support.tiny_models import (
    LETTERS,
    N_CTX,
    N_EMBD,
    N_FF,
    N_HEADS,
    N_LAYERS,
    N_VOCAB,
    WINDOW,
)

Arrays = Mapping[str, NDArray[Any]]
Settings = dict[str, Any]

_SHAPE: Settings = {
    "vocab_size": N_VOCAB,
    "hidden_size": N_EMBD,
    "intermediate_size": N_FF,
    "num_hidden_layers": N_LAYERS,
    "num_attention_heads": N_HEADS,
    "num_key_value_heads": 2,
    "head_dim": N_EMBD // N_HEADS,
    "max_position_embeddings": N_CTX,
    "rms_norm_eps": 1e-5,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
LLAMA: Settings = {**_SHAPE, "model_type": "llama", "tie_word_embeddings": False}
WINDOWED: Settings = {
    **_SHAPE,
    "model_type": "gemma3_text",
    "sliding_window": WINDOW,
    "sliding_window_pattern": 2,
    "query_pre_attn_scalar": N_EMBD // N_HEADS,
}
RECURRENT: Settings = {
    **_SHAPE,
    "model_type": "mamba",
    "intermediate_size": 2 * N_EMBD,
    "state_size": 16,
    "conv_kernel": 4,
    "use_bias": False,
    "use_conv_bias": True,
    "time_step_rank": 4,
    "tie_word_embeddings": False,
}
HYBRID: Settings = {
    **_SHAPE,
    "model_type": "lfm2",
    "norm_eps": 1e-5,
    "conv_bias": False,
    "conv_L_cache": 3,
    "block_dim": N_EMBD,
    "block_multiple_of": 16,
    "block_ffn_dim_multiplier": 1.0,
    "block_auto_adjust_ff_dim": False,
    "block_ff_dim": N_FF,
    "full_attn_idxs": [1],
}
_DTYPES = {"float32": "F32", "float16": "F16", "uint32": "U32"}


def write_folder(
    folder: Path, config: Settings = LLAMA, *, weights: Arrays | None = None, **files: Settings
) -> Path:
    """A model folder; `files` are settings beside it, by name without `.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    documents = {"config": config, "tokenizer": tokenizer(), "tokenizer_config": _NAMES, **files}
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    arrays = random_weights(config) if weights is None else weights
    write_safetensors(folder / "model.safetensors", arrays)
    return folder


def write_embedder(folder: Path, mode: str) -> Path:
    """`LLAMA` with settings of sentence-transformers that ask for this pooling."""
    pooling = {"word_embedding_dimension": N_EMBD, mode: True, "pooling_mode_max_tokens": False}
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling), encoding="utf-8")
    return write_folder(folder)


def random_weights(config: Settings, *, seed: int = 7) -> dict[str, NDArray[Any]]:
    """Weights of every shape that the model of a config has, in half precision."""
    from mlx.utils import tree_flatten

    from velocity_local.worker.backends.mlx.weights import empty_model

    random = np.random.default_rng(seed)
    parameters = tree_flatten(empty_model(config).parameters())
    return {name: _drawn(name, tuple(array.shape), random) for name, array in parameters}


def _drawn(name: str, shape: tuple[int, ...], random: np.random.Generator) -> NDArray[Any]:
    """Matrices that keep the size of what goes through them, and norms around one."""
    if name.endswith("A_log"):
        return np.zeros(shape, np.float32)
    if len(shape) == 1:
        around = 0.0 if name.endswith("bias") else 1.0
        return (around + random.normal(0, 0.1, shape)).astype(np.float32)
    spread = 1.6 / np.prod(shape[1:]) ** 0.5
    return random.normal(0, spread, shape).astype(np.float16)


def write_safetensors(path: Path, arrays: Arrays) -> Path:
    entries: dict[str, Any] = {"__metadata__": {"format": "mlx"}}
    data = bytearray()
    for name, array in arrays.items():
        raw = np.ascontiguousarray(array).tobytes()
        entries[name] = {
            "dtype": _DTYPES[str(array.dtype)],
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    head = json.dumps(entries).encode()
    head += b" " * (-len(head) % 8)
    path.write_bytes(struct.pack("<Q", len(head)) + head + data)
    return path


_NAMES: Settings = {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "unk_token": "<unk>"}


def tokenizer() -> Settings:
    """`tokenizer.json`: bytes and letters, written as SentencePiece does."""
    special = ["<unk>", "<s>", "</s>"]
    texts = [*special, *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", *LETTERS]
    space = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
    back = {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}
    begin = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "version": "1.0",
        "truncation": {
            "max_length": 8, "strategy": "LongestFirst", "stride": 0, "direction": "Right"
        },
        "padding": None,
        "added_tokens": [
            {
                "id": i, "content": name, "special": True, "single_word": False,
                "lstrip": False, "rstrip": False, "normalized": False,
            }
            for i, name in enumerate(special)
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [{"type": "Prepend", "prepend": "\u2581"}, space],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [begin, text],
            "pair": [begin, text, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [back, {"type": "ByteFallback"}, {"type": "Fuse"}],
        },
        "model": {
            "type": "BPE", "dropout": None, "unk_token": "<unk>", "fuse_unk": True,
            "byte_fallback": True, "continuing_subword_prefix": None, "end_of_word_suffix": None,
            "ignore_merges": False, "merges": [],
            "vocab": {text: i for i, text in enumerate(texts)},
        },
    }  # fmt: skip


RANK, SCALE = 4, 2.0
_PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def adapter_weights(*, seed: int = 1) -> dict[str, NDArray[Any]]:
    """A random change of every projection of `LLAMA`, in mlx-lm's names and shapes."""
    random = np.random.default_rng(seed)
    weights: dict[str, NDArray[Any]] = {}
    for name, weight in random_weights(LLAMA).items():
        path = name.removesuffix(".weight")
        if path.endswith(_PROJECTIONS):
            n_out, n_in = weight.shape
            weights[f"{path}.lora_a"] = _halved(random.normal(0, n_in**-0.5, (n_in, RANK)))
            weights[f"{path}.lora_b"] = _halved(random.normal(0, 0.4, (RANK, n_out)))
    return weights


def write_adapter(
    folder: Path, *, seed: int = 1, weights: Arrays | None = None, config: Settings | None = None
) -> Path:
    """An adapter of `LLAMA`; the path of its weights."""
    folder.mkdir(parents=True, exist_ok=True)
    own = {"fine_tune_type": "lora", "lora_parameters": {"rank": RANK, "scale": SCALE}}
    settings = own if config is None else config
    (folder / "adapter_config.json").write_text(json.dumps(settings), encoding="utf-8")
    arrays = adapter_weights(seed=seed) if weights is None else weights
    return write_safetensors(folder / "adapters.safetensors", arrays)


def write_merged(folder: Path, *, seed: int = 1, scale: float = 1.0) -> Path:
    """`LLAMA` with the adapter of that seed added to its weights."""
    weights, deltas = random_weights(LLAMA), adapter_weights(seed=seed)
    for name in weights:
        path = name.removesuffix(".weight")
        if f"{path}.lora_a" in deltas:
            a, b = (deltas[f"{path}.lora_{half}"].astype(np.float32) for half in "ab")
            merged = weights[name].astype(np.float32) + scale * SCALE * (a @ b).T
            weights[name] = merged.astype(np.float32)
    return write_folder(folder, LLAMA, weights=weights)


def _halved(values: NDArray[np.float64]) -> NDArray[Any]:
    return values.astype(np.float16)
