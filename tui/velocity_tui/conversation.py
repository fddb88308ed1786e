"""What is done to a conversation, as values: asked, answered, turned to another branch."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import msgspec
from msgspec.structs import asdict, replace

from velocity_local.client.chat import ChatRequest
from velocity_local.client.chat import Turn as Message
from velocity_local.core.conversations import Conversation, Parameters, Turn


@dataclass(frozen=True, slots=True)
class Place:
    """A turn on the path, with which of its branches it is: number `branch` of `n_branches`."""

    turn: Turn
    branch: int
    n_branches: int


BROKE_OFF = "broke off"


def is_broken(turn: Turn) -> bool:
    """An answer that something else than its end or a person ended."""
    return turn.note.startswith(BROKE_OFF)


def added(conversation: Conversation, turn: Turn) -> Conversation:
    """With this turn as the head."""
    title = conversation.title or " ".join(turn.text.split())
    turns = (*conversation.turns, turn)
    return replace(conversation, turns=turns, head=turn.id, title=title)


def changed(conversation: Conversation, turn: Turn) -> Conversation:
    """With this turn in place of the one that has its id; nothing if there is none."""
    turns = tuple(turn if each.id == turn.id else each for each in conversation.turns)
    return replace(conversation, turns=turns)


def switched(conversation: Conversation, turn: str, by: int) -> Conversation:
    """With the branch `by` places from that of `turn`, where it was left."""
    branches = conversation.branches(conversation.turn(turn).parent)
    at = next(number for number, branch in enumerate(branches) if branch.id == turn)
    chosen = branches[(at + by) % len(branches)]
    return replace(conversation, head=conversation.newest_below(chosen.id))


def places(conversation: Conversation) -> list[Place]:
    """The path to the head."""
    found = []
    for turn in conversation.path():
        branches = [branch.id for branch in conversation.branches(turn.parent)]
        found.append(Place(turn, branches.index(turn.id) + 1, len(branches)))
    return found


def request(conversation: Conversation, model: str, parameters: Parameters) -> ChatRequest:
    """Asks for an answer to the head, a question. Those that never got one are left out, since
    templates want the roles in turns.
    """
    options = asdict(parameters)
    system = options.pop("system")
    beginning = [Message("system", system)] if system else []
    *before, question = conversation.path()
    messages = [*beginning, *_answered(before), Message("user", question.prompt())]
    return ChatRequest(model, tuple(messages), **options)


def told(parameters: Parameters) -> str:
    """Those that were chosen, on one line; empty if none was."""
    chosen = {name: value for name, value in asdict(parameters).items() if value is not None}
    return " · ".join(
        name if name == "system" else f"{name} {value}" for name, value in chosen.items()
    )


def as_json(conversation: Conversation) -> bytes:
    """For programs, with all branches, in a shape that has a version."""
    document = {"schema": "velocity-local/conversation/1", "conversation": conversation}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _answered(path: list[Turn]) -> Iterator[Message]:
    for question, answer in pairwise(path):
        if question.role == "user" and answer.role == "assistant" and answer.text:
            yield Message("user", question.prompt())
            yield Message("assistant", answer.text)
