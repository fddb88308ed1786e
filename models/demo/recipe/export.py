"""Writes the trained weights as GGUF for llama.cpp and as a Hugging Face folder for MLX."""

import argparse
import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

from recipe import render, tokenizer
from recipe.model import Shape
from recipe.tokenizer import token_id

NAME = "velocity-demo"
DESCRIPTION = (
    "The tiny embedded demo model of velocity-local: a demo and a test object, nothing more."
)
CONTROL, USER_DEFINED, NORMAL = (
    gguf.TokenType.CONTROL,
    gguf.TokenType.USER_DEFINED,
    gguf.TokenType.NORMAL,
)
LAYER_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
OUTER_NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm"}


def gguf_name(name: str) -> str:
    """The GGUF tensor name of a Hugging Face parameter."""
    stem = name.removesuffix(".weight")
    if stem in OUTER_NAMES:
        return f"{OUTER_NAMES[stem]}.weight"
    _, _, layer, part = stem.split(".", 3)
    return f"blk.{layer}.{LAYER_NAMES[part]}.weight"


def interleaved(weight: np.ndarray[Any, Any], *, n_heads: int) -> np.ndarray[Any, Any]:
    """Rows of q or k from the half-split rotary layout to the pairwise one of llama.cpp."""
    rows, columns = weight.shape
    split = weight.reshape(n_heads, 2, rows // n_heads // 2, columns)
    return split.swapaxes(1, 2).reshape(rows, columns)


def gguf_array(name: str, weight: torch.Tensor, shape: Shape) -> np.ndarray[Any, Any]:
    """Matrices in half precision, norms in single precision, q and k permuted."""
    array = weight.float().numpy()
    if "q_proj" in name:
        array = interleaved(array, n_heads=shape.num_attention_heads)
    if "k_proj" in name:
        array = interleaved(array, n_heads=shape.num_key_value_heads)
    return array if array.ndim == 1 else array.astype(np.float16)


def token_types(words: Tokenizer) -> list[gguf.TokenType]:
    """Control for turn marks, user-defined for visible markup, normal for the rest."""
    added = {
        token: CONTROL if one.special else USER_DEFINED
        for token, one in words.get_added_tokens_decoder().items()
    }
    return [added.get(token, NORMAL) for token in range(words.get_vocab_size())]


def _add_tokenizer(writer: gguf.GGUFWriter, words: Tokenizer) -> None:
    merges = json.loads(words.to_str())["model"]["merges"]
    joined = [one if isinstance(one, str) else " ".join(one) for one in merges]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(tokenizer.PRE)
    writer.add_token_list([words.id_to_token(i) or "" for i in range(words.get_vocab_size())])
    writer.add_token_types(token_types(words))
    writer.add_token_merges(joined)
    writer.add_bos_token_id(token_id(words, "<|endoftext|>"))
    writer.add_eos_token_id(token_id(words, "<|im_end|>"))
    writer.add_eot_token_id(token_id(words, "<|im_end|>"))
    writer.add_pad_token_id(token_id(words, "<|endoftext|>"))
    writer.add_bool(gguf.Keys.Tokenizer.ADD_BOS, val=False)
    writer.add_chat_template(render.source())


def _add_architecture(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_name(NAME)
    writer.add_description(DESCRIPTION)
    writer.add_license("MIT")
    writer.add_size_label("4M")
    writer.add_languages(["en"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(shape.max_position_embeddings)
    writer.add_embedding_length(shape.hidden_size)
    writer.add_block_count(shape.num_hidden_layers)
    writer.add_feed_forward_length(shape.intermediate_size)
    writer.add_head_count(shape.num_attention_heads)
    writer.add_head_count_kv(shape.num_key_value_heads)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_rope_freq_base(shape.rope_theta)
    writer.add_layer_norm_rms_eps(shape.rms_norm_eps)
    writer.add_vocab_size(shape.vocab_size)


def write_gguf(
    path: Path, weights: dict[str, torch.Tensor], *, words: Tokenizer, shape: Shape
) -> None:
    """One GGUF file, moved into place when it is whole."""
    part = path.with_suffix(".part")
    writer = gguf.GGUFWriter(part, "llama")
    _add_architecture(writer, shape)
    _add_tokenizer(writer, words)
    for name, weight in weights.items():
        writer.add_tensor(gguf_name(name), gguf_array(name, weight, shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(path)


def configuration(words: Tokenizer, shape: Shape) -> dict[str, object]:
    """`config.json` for transformers and mlx-lm."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": shape.vocab_size,
        "hidden_size": shape.hidden_size,
        "intermediate_size": shape.intermediate_size,
        "num_hidden_layers": shape.num_hidden_layers,
        "num_attention_heads": shape.num_attention_heads,
        "num_key_value_heads": shape.num_key_value_heads,
        "head_dim": shape.head_dim,
        "max_position_embeddings": shape.max_position_embeddings,
        "rope_theta": shape.rope_theta,
        "rms_norm_eps": shape.rms_norm_eps,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "torch_dtype": "float16",
        "bos_token_id": token_id(words, "<|endoftext|>"),
        "eos_token_id": token_id(words, "<|im_end|>"),
        "pad_token_id": token_id(words, "<|endoftext|>"),
    }


def tokenizer_configuration(shape: Shape) -> dict[str, object]:
    """`tokenizer_config.json`; the chat template is repeated here for older readers."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": None,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "add_bos_token": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": shape.max_position_embeddings,
        "chat_template": render.source(),
    }


def write_folder(
    folder: Path, weights: dict[str, torch.Tensor], *, words: Tokenizer, shape: Shape
) -> None:
    """The same weights and tokenizer in the Hugging Face layout."""
    folder.mkdir(parents=True, exist_ok=True)
    half = {name: weight.half().contiguous() for name, weight in weights.items()}
    save_file(half, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    end, pad = token_id(words, "<|im_end|>"), token_id(words, "<|endoftext|>")
    documents = {
        "config.json": configuration(words, shape),
        "tokenizer_config.json": tokenizer_configuration(shape),
        "generation_config.json": {
            "eos_token_id": [end, pad],
            "pad_token_id": pad,
            "do_sample": False,
        },
    }
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    (folder / "chat_template.jinja").write_text(render.source() + "\n")
    words.save(str(folder / "tokenizer.json"))


def main() -> None:
    """Reads a checkpoint and writes both forms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("../../build/demo"))
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args()
    words = tokenizer.load(options.out / "mlx" / "tokenizer.json")
    shape = Shape(vocab_size=words.get_vocab_size())
    weights = torch.load(options.work / "checkpoint.pt", weights_only=True)["network"]
    write_gguf(options.out / f"{NAME}-f16.gguf", weights, words=words, shape=shape)
    write_folder(options.out / "mlx", weights, words=words, shape=shape)


if __name__ == "__main__":
    main()
