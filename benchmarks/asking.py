"""Whole conversations as requests, for benchmarks that are about what is said again."""

from benchmarks.load import Target, conversation_request, record
from benchmarks.measure import Stream, read_stream
from benchmarks.processes import Server
from benchmarks.sampling import Sampling

Turns = list[dict[str, str]]
TIMEOUT_S = 600.0


def ask(server: Server, conversations: list[Turns], max_tokens: int) -> list[Stream]:
    """All at once."""
    target = Target(server.url, server.model)
    requests = [conversation_request(target, c, max_tokens, Sampling()) for c in conversations]
    recorded = record(target.address, requests, timeout_s=TIMEOUT_S)
    return [read_stream(each.sent_s, each.pieces) for each in recorded]


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def system(text: str) -> dict[str, str]:
    return {"role": "system", "content": text}


def answer(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}
