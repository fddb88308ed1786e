"""An endless, seeded stream of batches: whole conversations of like length side by side."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import torch
from tokenizers import Tokenizer
from torch import Tensor

from recipe import render
from recipe.text import dialogues
from recipe.tokenizer import token_id
from recipe.weights import target_weights

POOL = 6_000
LONGEST = 1_024
STRIDE = 16
FIRST_WORD = 9
IGNORED = 0.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Inputs, targets and the weight of each target."""

    inputs: Tensor
    targets: Tensor
    weights: Tensor

    @property
    def n_tokens(self) -> int:
        """How many tokens the network reads, padding included."""
        return self.inputs.numel()


def _encode(tokenizer: Tokenizer, rng: Random) -> list[list[int]]:
    texts = [render.render(dialogues.conversation(rng)) for _ in range(POOL)]
    rows = [one.ids for one in tokenizer.encode_batch(texts)]
    return [row for row in rows if len(row) <= LONGEST]


def _groups(rows: list[list[int]], rng: Random, *, n_tokens: int) -> list[list[list[int]]]:
    """Rows of like length, as many as fit into one batch; the groups in random order."""
    rng.shuffle(rows)
    widths: dict[int, list[list[int]]] = defaultdict(list)
    for row in rows:
        widths[padded(len(row) - 1)].append(row)
    groups = []
    for width, alike in sorted(widths.items()):
        n_rows = n_tokens // width
        groups += [alike[i : i + n_rows] for i in range(0, len(alike), n_rows)]
    rng.shuffle(groups)
    return groups


def padded(length: int) -> int:
    """The next width of a batch; few widths keep the kernel cache of the library small."""
    return -(-length // STRIDE) * STRIDE


def batch_of(rows: list[list[int]], tokenizer: Tokenizer) -> Batch:
    """Pads rows on the right; padding has no weight."""
    start, end = token_id(tokenizer, "<|im_start|>"), token_id(tokenizer, "<|im_end|>")
    assistant = tokenizer.encode("assistant").ids[0]
    width = 1 + padded(max(map(len, rows)) - 1)
    tokens = torch.zeros(len(rows), width, dtype=torch.long)
    weights = torch.full((len(rows), width), IGNORED)
    for i, row in enumerate(rows):
        tokens[i, : len(row)] = torch.tensor(row)
        weights[i, : len(row)] = torch.tensor(
            target_weights(row, start=start, end=end, assistant=assistant)
        )
    return Batch(tokens[:, :-1], tokens[:, 1:], weights[:, 1:])


def drill(rng: Random, *, vocabulary: int, n_tokens: int) -> Batch:
    """A few random tokens said again and again, to learn copying: only repetitions count."""
    width = rng.choice((128, 128, 256, 512))
    rows, weights = [], []
    for _ in range(n_tokens // width):
        period = rng.randint(3, width // 3)
        few = [rng.randrange(FIRST_WORD, vocabulary) for _ in range(rng.choice((6, 12, 24, 48)))]
        said = rng.choices(few, k=period)
        rows.append([said[i % period] for i in range(width + 1)])
        weights.append([float(i >= period) for i in range(width + 1)])
    tokens = torch.tensor(rows)
    return Batch(tokens[:, :-1], tokens[:, 1:], torch.tensor(weights)[:, 1:])


@dataclass(slots=True)
class Place:
    """Where in the endless text a training stands: the pool, and how much of it is used."""

    pool: int = 1
    used: int = 0


def stream(tokenizer: Tokenizer, place: Place, *, n_tokens: int) -> Iterator[Batch]:
    """Batches from `place` on, which moves along; the number of a pool is its seed."""
    while True:
        rng = Random(place.pool)
        groups = _groups(_encode(tokenizer, rng), rng, n_tokens=n_tokens)
        while place.used < len(groups):
            place.used += 1
            yield batch_of(groups[place.used - 1], tokenizer)
        place.pool += 1
        place.used = 0
