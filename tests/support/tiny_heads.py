"""Tiny models with a block for multi-token prediction, some of whose guesses come true.

Their layers add little to what the last token alone suggests, and the block says just that.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.support.tiny_models import (
    F16,
    F32,
    HYBRID_SIZES,
    N_EMBD,
    N_FF,
    N_HEADS,
    N_LAYERS,
    Feed,
    Tensor,
    Weights,
    attention,
    dense,
    embeddings,
    gated_attention,
    hybrid_block,
    hybrid_tensors,
    write_model,
)

N_EXPERTS = 4
# Layers whose outputs are made so small leave about half of the tokens to the last one alone.
FAINT = 0.05
_NOTHING, _ALL = np.zeros((N_EMBD, N_EMBD), np.float32), np.eye(N_EMBD, dtype=np.float32)
_TOKENS_ALONE, _STATES_ALONE = np.hstack((_ALL, _NOTHING)), np.hstack((_NOTHING, _ALL))
_LATENT, _LATENT_QUERY, _LATENT_ROPE = 32, 32, 8


def write_hybrid_with_heads(path: Path) -> Path:
    """Qwen 3.5 with its block for multi-token prediction."""
    extra = {**HYBRID_SIZES, "qwen35.nextn_predict_layers": 1}
    return write_model(path, "qwen35", extra, _hybrid_with_heads(dense))


def write_hybrid_experts_with_heads(path: Path) -> Path:
    """Qwen 3.5 with experts, and its block for multi-token prediction."""
    sizes = {
        "expert_count": N_EXPERTS,
        "expert_used_count": 2,
        "expert_feed_forward_length": N_FF // 2,
        "expert_shared_feed_forward_length": N_FF // 2,
        "nextn_predict_layers": 1,
        **{key.removeprefix("qwen35."): size for key, size in HYBRID_SIZES.items()},
    }
    extra = {f"qwen35moe.{key}": size for key, size in sizes.items()}
    return write_model(path, "qwen35moe", extra, _hybrid_with_heads(_experts_beside_a_gated_one))


def _hybrid_with_heads(feed: Feed) -> list[Tensor]:
    weights = Weights()
    tensors = [_faint(tensor) for tensor in hybrid_tensors(weights, feed)]
    block = f"blk.{N_LAYERS}"
    tensors += [*hybrid_block(weights, block, feed), *gated_attention(weights, block)]
    tensors += _next_token_tensors(weights, block, _TOKENS_ALONE)
    return [_silent(block, tensor) for tensor in tensors]


def write_experts_with_heads(path: Path) -> Path:
    """GLM 4.5: plain attention, experts from the second layer on, and a block for MTP."""
    return _write_experts(path, _TOKENS_ALONE)


def write_experts_with_heads_of_states(path: Path) -> Path:
    """The same with a block that sees the model's state before a token, and not the token."""
    return _write_experts(path, _STATES_ALONE)


def write_experts_without_their_heads(path: Path) -> Path:
    """The same, stripped of the block that its header still names."""
    return _write_experts(path, _TOKENS_ALONE, missing="blk.2.")


def write_experts_with_broken_heads(path: Path) -> Path:
    """The same, with a block of which a part is missing."""
    return _write_experts(path, _TOKENS_ALONE, missing="blk.2.ffn_gate_inp")


def write_latent_with_heads(path: Path, *, missing: str = "none") -> Path:
    """GLM 4.7 Flash, which is a DeepSeek: latent attention, experts, and a block for MTP.

    Tensors of which the name has `missing` in it are left out.
    """
    weights = Weights()
    tensors = embeddings(weights)
    for i in range(N_LAYERS + 1):
        b = f"blk.{i}"
        tensors += _latent_attention(weights, b)
        tensors.append(weights.vector(f"{b}.ffn_norm.weight", N_EMBD, around=1))
        tensors += _biased_experts(weights, b) if i else dense(weights, b)
    block = f"blk.{N_LAYERS}"
    tensors = [_faint(tensor) for tensor in tensors]
    tensors += _next_token_tensors(weights, block, _TOKENS_ALONE)
    sizes = {
        "attention.head_count_kv": 1,
        "attention.q_lora_rank": _LATENT_QUERY,
        "attention.kv_lora_rank": _LATENT,
        "attention.key_length": _LATENT + _LATENT_ROPE,
        "attention.value_length": _LATENT,
        "attention.key_length_mla": 2 * _LATENT_ROPE,
        "attention.value_length_mla": N_EMBD // N_HEADS,
        "rope.dimension_count": _LATENT_ROPE,
        "expert_count": N_EXPERTS,
        "expert_used_count": 2,
        "expert_shared_count": 1,
        "expert_feed_forward_length": N_FF // 2,
        "expert_gating_func": 2,
        "leading_dense_block_count": 1,
        "nextn_predict_layers": 1,
    }
    extra = {f"deepseek2.{key}": size for key, size in sizes.items()}
    kept = [_silent(block, tensor) for tensor in tensors if missing not in tensor.name]
    return write_model(path, "deepseek2", extra, kept)


def _latent_attention(weights: Weights, block: str) -> list[Tensor]:
    width = N_EMBD // N_HEADS
    return [
        weights.vector(f"{block}.attn_norm.weight", N_EMBD, around=1),
        weights.matrix(f"{block}.attn_q_a.weight", N_EMBD, _LATENT_QUERY),
        weights.vector(f"{block}.attn_q_a_norm.weight", _LATENT_QUERY, around=1),
        weights.matrix(f"{block}.attn_q_b.weight", _LATENT_QUERY, N_HEADS * 2 * _LATENT_ROPE),
        weights.matrix(f"{block}.attn_kv_a_mqa.weight", N_EMBD, _LATENT + _LATENT_ROPE),
        weights.vector(f"{block}.attn_kv_a_norm.weight", _LATENT, around=1),
        weights.matrix(f"{block}.attn_k_b.weight", _LATENT_ROPE, _LATENT, N_HEADS),
        weights.matrix(f"{block}.attn_v_b.weight", _LATENT, width, N_HEADS),
        weights.matrix(f"{block}.attn_output.weight", N_HEADS * width, N_EMBD),
    ]


def _write_experts(path: Path, sees: NDArray[np.float32], *, missing: str = "none") -> Path:
    weights = Weights()
    tensors = embeddings(weights)
    for i in range(N_LAYERS + 1):
        b = f"blk.{i}"
        tensors.append(weights.vector(f"{b}.attn_norm.weight", N_EMBD, around=1))
        tensors.append(weights.vector(f"{b}.post_attention_norm.weight", N_EMBD, around=1))
        tensors += attention(weights, b, kv_heads=N_HEADS)
        tensors += _biased_experts(weights, b) if i else dense(weights, b)
    block = f"blk.{N_LAYERS}"
    tensors = [_faint(tensor) for tensor in tensors]
    tensors += _next_token_tensors(weights, block, sees)
    tensors = [tensor for tensor in tensors if not tensor.name.startswith(missing)]
    sizes = {
        "expert_count": N_EXPERTS,
        "expert_used_count": 2,
        "expert_shared_count": 1,
        "expert_feed_forward_length": N_FF // 2,
        "leading_dense_block_count": 1,
        "nextn_predict_layers": 1,
    }
    extra = {f"glm4moe.{key}": size for key, size in sizes.items()}
    return write_model(path, "glm4moe", extra, [_silent(block, tensor) for tensor in tensors])


def _experts_beside_a_gated_one(weights: Weights, block: str) -> list[Tensor]:
    return [
        weights.vector(f"{block}.ffn_gate_inp_shexp.weight", N_EMBD),
        *_experts(weights, block),
    ]


def _biased_experts(weights: Weights, block: str) -> list[Tensor]:
    return [weights.vector(f"{block}.exp_probs_b.bias", N_EXPERTS), *_experts(weights, block)]


def _experts(weights: Weights, block: str) -> list[Tensor]:
    each = N_FF // 2
    return [
        weights.matrix(f"{block}.ffn_gate_inp.weight", N_EMBD, N_EXPERTS, kind=F32),
        weights.matrix(f"{block}.ffn_gate_exps.weight", N_EMBD, each, N_EXPERTS),
        weights.matrix(f"{block}.ffn_up_exps.weight", N_EMBD, each, N_EXPERTS),
        weights.matrix(f"{block}.ffn_down_exps.weight", each, N_EMBD, N_EXPERTS),
        weights.matrix(f"{block}.ffn_gate_shexp.weight", N_EMBD, each),
        weights.matrix(f"{block}.ffn_up_shexp.weight", N_EMBD, each),
        weights.matrix(f"{block}.ffn_down_shexp.weight", each, N_EMBD),
    ]


def _next_token_tensors(weights: Weights, block: str, sees: NDArray[np.float32]) -> list[Tensor]:
    """A block that looks at one of its inputs, and says what a model without layers would say."""
    return [
        Tensor(f"{block}.nextn.eh_proj.weight", sees, F16),
        weights.vector(f"{block}.nextn.enorm.weight", N_EMBD, around=1),
        weights.vector(f"{block}.nextn.hnorm.weight", N_EMBD, around=1),
    ]


def _faint(tensor: Tensor) -> Tensor:
    return _scaled(tensor, FAINT)


def _silent(block: str, tensor: Tensor) -> Tensor:
    """The block's layers add next to nothing."""
    return _scaled(tensor, 0.05) if tensor.name.startswith(block) else tensor


def _scaled(tensor: Tensor, factor: float) -> Tensor:
    is_out = any(part in tensor.name for part in ("attn_output", "ffn_down", "ssm_out"))
    return tensor._replace(values=tensor.values * factor) if is_out else tensor
