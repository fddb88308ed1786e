"""The first weights: random ones, and a circuit that copies, so that training need not find it.

Attention learns to copy from the prompt only after many millions of tokens. Two kinds of heads do
it (Olsson et al., 2022, "In-context Learning and Induction Heads"): readers write into each place
which tokens stood before it; finders look for places whose tokens before equal the current ones,
and vote for what stands there. Both are linear maps of the embedding, so they can be written down:

    columns of the stream   [ token before | token before that | constant | token ]

The embedding leaves the first two parts to the readers. Training may change all of it.
"""

import torch
from torch import Tensor, nn

from recipe.model import Attention, Llama, Shape

READER, FINDERS = 0, (1, 2)
# of the final norm: the stream starts with entries around 1, and logits should start small
LOUDNESS = 0.03
CONSTANT = 3.0
FAST_PAIRS = 4
READER_GAIN = 9.0
# how much the token before, and the one before that, count for the heads of a finder
MATCH_GAINS = ((2.5, 2.0), (2.0, 2.5))
VOTE_GAIN = 2.0
SLOW_RAD = 0.01
SMALL = 0.02


def plain_start(network: Llama) -> None:
    """Random weights, with which no layer adds anything to the stream yet."""
    for name, parameter in network.named_parameters():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            nn.init.zeros_(parameter)
        elif name.endswith("embed_tokens.weight"):
            nn.init.normal_(parameter)
        elif name.endswith(("q_proj.weight", "k_proj.weight")):
            nn.init.normal_(parameter, std=SMALL)
        elif parameter.dim() == 2:
            nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)
    nn.init.constant_(network.model.norm.weight, LOUDNESS)


def turns(shape: Shape) -> Tensor:
    """How far each pair of a head turns from one position to the next: radians, (head_dim / 2,)."""
    half = shape.head_dim // 2
    return shape.rope_theta ** (-torch.arange(half, dtype=torch.float32) / half)


def slow_rows(shape: Shape) -> Tensor:
    """Rows of a head that hardly turn over some hundred positions: content can meet there."""
    pairs = (turns(shape) < SLOW_RAD).nonzero().flatten()
    return torch.cat((pairs, pairs + shape.head_dim // 2))


def mix(rows: int, columns: int) -> Tensor:
    """A random map that keeps lengths, as far as its shape allows."""
    return nn.init.orthogonal_(torch.empty(rows, columns))


def free_heads(attention: Attention, shape: Shape) -> tuple[slice, list[slice]]:
    """The rows of the last key-value head and of the query heads over it, cleared."""
    n, share = shape.head_dim, shape.num_attention_heads // shape.num_key_value_heads
    rows = slice((shape.num_key_value_heads - 1) * n, None)
    first = shape.num_attention_heads - share
    queries = [slice(h * n, (h + 1) * n) for h in range(first, shape.num_attention_heads)]
    attention.k_proj.weight[rows] = 0
    attention.q_proj.weight[first * n :] = 0
    return rows, queries


def place_readers(attention: Attention, shape: Shape, told: Tensor) -> None:
    """Head i looks i + 1 places back, whatever stands there, and writes `told` of it.

    `told` (head_dim, width) is the sketch of a token that the finders compare.
    """
    n, constant = shape.head_dim, 2 * shape.head_dim
    rows, queries = free_heads(attention, shape)
    strength = torch.zeros(n // 2)
    strength[:FAST_PAIRS] = READER_GAIN / CONSTANT
    attention.k_proj.weight[rows.start : rows.start + n // 2, constant] = strength
    attention.v_proj.weight[rows] = told
    for i, query in enumerate(queries):
        angle = turns(shape) * (i + 1)
        turned = torch.cat((strength * angle.cos(), -strength * angle.sin()))
        attention.q_proj.weight[query, constant] = turned
        attention.o_proj.weight[i * n : (i + 1) * n, query] = torch.eye(n)


def place_finders(attention: Attention, shape: Shape, told: Tensor, spoken: Tensor) -> None:
    """Heads that compare the current tokens with those before each place, and vote in `spoken`.

    `spoken` (head_dim, width) is the part of the embedding that this layer votes in.
    """
    n, slow = shape.head_dim, slow_rows(shape)
    rows, queries = free_heads(attention, shape)
    first, second = mix(len(slow), n), mix(len(slow), n)
    before = torch.cat((first * MATCH_GAINS[0][0], second * MATCH_GAINS[0][1]), dim=1)
    attention.k_proj.weight[rows.start + slow, : 2 * n] = before
    attention.v_proj.weight[rows] = spoken
    for query, (one_gain, two_gain) in zip(queries, MATCH_GAINS, strict=True):
        now = first @ told * one_gain
        now[:, :n] += second * two_gain
        attention.q_proj.weight[query.start + slow] = now
        attention.o_proj.weight[:, query] = spoken.T * VOTE_GAIN


@torch.no_grad()
def place(network: Llama, shape: Shape) -> None:
    """Fills the network."""
    plain_start(network)
    n, width = shape.head_dim, shape.hidden_size
    n_content = width - 2 * n - 1
    table = network.model.embed_tokens.weight
    table[:, : 2 * n] = 0
    table[:, 2 * n] = CONSTANT
    told = torch.zeros(n, width)
    told[:, -n_content:] = mix(n, n_content)
    place_readers(network.model.layers[READER].self_attn, shape, told)
    spoken = torch.zeros(2 * n, width)
    spoken[:n_content, -n_content:] = mix(n_content, n_content)
    for layer, part in zip(FINDERS, spoken.split(n), strict=True):
        place_finders(network.model.layers[layer].self_attn, shape, told, part)
