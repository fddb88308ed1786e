"""Makes a model with random weights, so that speed can be measured without a download.

The architecture is llama's. The reference shape (the defaults) has 0.3 billion parameters and
the vocabulary size of the Qwen family, where the output layer is half of a decode step.
"""

import argparse
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from benchmarks.gguf_file import Tensor, TensorType, Value, write_gguf
from benchmarks.quantize import FILE_TYPES, quantize
from benchmarks.vocabulary import CHAT_TEMPLATE, SPECIALS, build_vocabulary

CHUNK_ELEMENTS = 1 << 22
# Logits then spread over about 2.5, as those of trained models do, and no token runs away.
EMBEDDING_STD = 0.08
NORMAL_TOKEN, CONTROL_TOKEN = 1, 3


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides a model's cost."""

    layers: int = 12
    width: int = 1024
    ffn_width: int = 3072
    heads: int = 16
    kv_heads: int = 8
    vocabulary: int = 151_936
    context: int = 32_768
    tied: bool = True

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    def slug(self) -> str:
        """Names the shape in a file name."""
        sizes = f"{self.layers}x{self.width}x{self.ffn_width}-{self.heads}h{self.kv_heads}"
        return f"random-{sizes}-v{self.vocabulary}-{'tied' if self.tied else 'untied'}"


def make_model(folder: Path, shape: Shape, *, file_type: str, seed: int) -> Path:
    """The model's file in `folder`; an existing one is used again."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{shape.slug()}-s{seed}-{file_type}.gguf"
    if path.exists():
        return path
    if file_type == "F16":
        write_gguf(path, _metadata(shape), list(_tensors(shape, seed)))
        return path
    quantize(make_model(folder, shape, file_type="F16", seed=seed), path, file_type=file_type)
    return path


def default_folder() -> Path:
    return Path(platformdirs.user_cache_dir("velocity-local", appauthor=False)) / "benchmarks"


def _metadata(shape: Shape) -> dict[str, Value]:
    vocabulary = build_vocabulary(shape.vocabulary)
    n_normal = len(vocabulary.tokens) - len(SPECIALS)
    specials = vocabulary.specials
    return {
        "general.architecture": "llama",
        "general.name": shape.slug(),
        "general.file_type": int(TensorType.F16),
        "llama.block_count": shape.layers,
        "llama.context_length": shape.context,
        "llama.embedding_length": shape.width,
        "llama.feed_forward_length": shape.ffn_width,
        "llama.attention.head_count": shape.heads,
        "llama.attention.head_count_kv": shape.kv_heads,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": shape.head_width,
        "llama.rope.freq_base": 10_000.0,
        "llama.vocab_size": shape.vocabulary,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": vocabulary.tokens,
        "tokenizer.ggml.token_type": [NORMAL_TOKEN] * n_normal + [CONTROL_TOKEN] * len(SPECIALS),
        "tokenizer.ggml.merges": [f"{left} {right}" for left, right in vocabulary.merges],
        "tokenizer.ggml.bos_token_id": specials["<|endoftext|>"],
        "tokenizer.ggml.eos_token_id": specials["<|im_end|>"],
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }


def _tensors(shape: Shape, seed: int) -> Iterator[Tensor]:
    kv_width = shape.kv_heads * shape.head_width
    yield _random("token_embd", (shape.vocabulary, shape.width), EMBEDDING_STD, seed=seed)
    for layer in range(shape.layers):
        block = f"blk.{layer}"
        yield _ones(f"{block}.attn_norm", shape.width)
        yield _projection(f"{block}.attn_q", (shape.width, shape.width), seed=seed)
        yield _projection(f"{block}.attn_k", (kv_width, shape.width), seed=seed)
        yield _projection(f"{block}.attn_v", (kv_width, shape.width), seed=seed)
        yield _projection(f"{block}.attn_output", (shape.width, shape.width), seed=seed)
        yield _ones(f"{block}.ffn_norm", shape.width)
        yield _projection(f"{block}.ffn_gate", (shape.ffn_width, shape.width), seed=seed)
        yield _projection(f"{block}.ffn_up", (shape.ffn_width, shape.width), seed=seed)
        yield _projection(f"{block}.ffn_down", (shape.width, shape.ffn_width), seed=seed)
    yield _ones("output_norm", shape.width)
    if not shape.tied:
        yield _random("output", (shape.vocabulary, shape.width), EMBEDDING_STD, seed=seed)


def _ones(name: str, width: int) -> Tensor:
    """Norm weights; the library wants them in F32."""
    return Tensor(f"{name}.weight", (width,), TensorType.F32, [np.ones(width, np.float32)])


def _projection(name: str, shape: tuple[int, int], *, seed: int) -> Tensor:
    """Scaled so that activations keep their size from layer to layer."""
    return _random(name, shape, float(shape[1]) ** -0.5, seed=seed)


def _random(name: str, shape: tuple[int, int], std: float, *, seed: int) -> Tensor:
    chunks = _NormalChunks(shape, std, seed=(seed, zlib.crc32(name.encode())))
    return Tensor(f"{name}.weight", shape, TensorType.F16, chunks)


class _NormalChunks:
    """Normal numbers in pieces, so that a large tensor never lies in memory whole."""

    def __init__(self, shape: tuple[int, int], std: float, *, seed: tuple[int, int]) -> None:
        self._rows, self._width = shape
        self._std = np.float32(std)
        self._seed = seed

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        rng = np.random.default_rng(self._seed)
        step = max(1, CHUNK_ELEMENTS // self._width)
        for start in range(0, self._rows, step):
            rows = min(step, self._rows - start)
            yield rng.standard_normal((rows, self._width), dtype=np.float32) * self._std


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    shape = Shape()
    parser.add_argument("--layers", type=int, default=shape.layers)
    parser.add_argument("--width", type=int, default=shape.width)
    parser.add_argument("--ffn-width", type=int, default=shape.ffn_width)
    parser.add_argument("--heads", type=int, default=shape.heads)
    parser.add_argument("--kv-heads", type=int, default=shape.kv_heads)
    parser.add_argument("--vocabulary", type=int, default=shape.vocabulary, help="tokens")
    parser.add_argument("--context", type=int, default=shape.context, help="tokens")
    parser.add_argument("--untied", action="store_true", help="give the output its own weights")
    parser.add_argument("--type", choices=("F16", *FILE_TYPES), default="Q4_K_M")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--folder", type=Path, default=default_folder(), help="where models are kept"
    )


def model_from(arguments: argparse.Namespace) -> Path:
    shape = Shape(
        layers=arguments.layers,
        width=arguments.width,
        ffn_width=arguments.ffn_width,
        heads=arguments.heads,
        kv_heads=arguments.kv_heads,
        vocabulary=arguments.vocabulary,
        context=arguments.context,
        tied=not arguments.untied,
    )
    return make_model(arguments.folder, shape, file_type=arguments.type, seed=arguments.seed)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.gguf_random", description=__doc__)
    add_model_arguments(parser)
    path = model_from(parser.parse_args())
    print(f"{path}  {path.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
