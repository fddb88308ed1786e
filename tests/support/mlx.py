"""The files of a small model in MLX's format, by name."""

import json
from pathlib import Path
from typing import Any

from tests.support.safetensors import safetensors, tensor

CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "quantization": {"bits": 4, "group_size": 64},
}
# 8 x 16 x 4 bytes hold 1,024 weights of 4 bits, in 16 groups with a scale and a bias each.
_QUANTIZED = {
    "model.layers.0.weight": tensor(0, 512, [8, 16], "U32"),
    "model.layers.0.scales": tensor(512, 544, [8, 2], "F16"),
    "model.layers.0.biases": tensor(544, 576, [8, 2], "F16"),
}
_NORM = {"model.norm.weight": tensor(0, 128, [64], "F16")}
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def mlx_files(**config: Any) -> dict[str, bytes]:
    """A sound model of two shards; keywords change its `config.json`."""
    weight_map = dict.fromkeys(_QUANTIZED, SHARDS[0]) | dict.fromkeys(_NORM, SHARDS[1])
    return {
        "config.json": json.dumps(CONFIG | config).encode(),
        SHARDS[0]: safetensors(_QUANTIZED, data_bytes=576),
        SHARDS[1]: safetensors(_NORM, data_bytes=128),
        "model.safetensors.index.json": json.dumps({"weight_map": weight_map}).encode(),
        "tokenizer.json": b'{"version": "1.0"}',
        "tokenizer_config.json": json.dumps({"chat_template": "{{ messages }}"}).encode(),
    }


def put_mlx(folder: Path, files: dict[str, bytes] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in (mlx_files() if files is None else files).items():
        (folder / name).write_bytes(data)
    return folder
