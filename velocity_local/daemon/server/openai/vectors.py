"""Embedding vectors as numbers or as base64, without a numeric library."""

import sys
from array import array
from base64 import b64encode

from velocity_local.wire.http import openai_answers as answers
from velocity_local.wire.ipc.messages import Embedded


def render(embedded: Embedded, model: str, *, is_base64: bool) -> answers.Embeddings:
    """The answer; vectors come as little-endian float32 bytes, which base64 keeps as they are."""
    data = [
        answers.Embedding(index, _base64(vector) if is_base64 else _numbers(vector))
        for index, vector in enumerate(embedded.vectors)
    ]
    tokens = embedded.prompt_tokens
    return answers.Embeddings(model=model, data=data, usage=answers.EmbeddingUsage(tokens, tokens))


def _base64(vector: bytes) -> str:
    return b64encode(vector).decode("ascii")


def _numbers(vector: bytes) -> list[float]:
    numbers = array("f")
    numbers.frombytes(vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()
