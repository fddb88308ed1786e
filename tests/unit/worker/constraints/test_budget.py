"""A vocabulary of whole words is enough: markers in one token, and markers cut in two."""

import pytest

from velocity_local.worker.constraints.budget import Frame, ReasoningBudget

WORDS = ["<think>", "</think>", "<th", "ink>", "</th", "\n", "a", "b", "a</think>b", "<eos>"]


class Words:
    n_vocab = len(WORDS)

    def piece_special(self, token: int) -> bytes:
        return WORDS[token].encode()


class OnlyB:
    """Allows "b" and what an ending is made of."""

    def __init__(self) -> None:
        self.accepted: list[int] = []
        self.is_complete = False

    def accept(self, token: int) -> bool:
        if WORDS[token] == "a":
            return False
        self.accepted.append(token)
        return True

    def allowed(self) -> bytes:
        return b"\x80\x00"


def ids(*words: str) -> list[int]:
    return [WORDS.index(word) for word in words]


ENDING = ids("\n", "</think>", "\n")


def budget(n: int, inner: OnlyB | None = None, *, starts_inside: bool = False) -> ReasoningBudget:
    frame = Frame(("<think>",), ("</think>",), ENDING)
    constraint = ReasoningBudget(Words(), frame, budget_tokens=n, starts_inside=starts_inside)
    if inner is not None:
        constraint.hold(inner)
    return constraint


def written(constraint: ReasoningBudget, wishes: list[int]) -> list[str]:
    """What comes out if a model wants to write `wishes`: refused ones are replaced."""
    tokens = []
    for wish in wishes:
        token = wish
        if not constraint.accept(wish):
            (token,) = _allowed(constraint.allowed())
            assert constraint.accept(token)
        tokens.append(WORDS[token])
    return tokens


def _allowed(bits: bytes) -> list[int]:
    return [n for n in range(len(WORDS)) if bits[n >> 3] >> (n & 7) & 1]


@pytest.mark.parametrize(
    ("starts_inside", "n", "wishes", "expected"),
    [
        pytest.param(
            False, 2, "<think> a b a b a b", "<think> a b \n </think> \n b", id="closed by force"
        ),
        pytest.param(True, 1, "a b b b b", "a \n </think> \n b", id="open in the prompt"),
        pytest.param(True, 0, "a a a a", "\n </think> \n a", id="nothing allowed"),
        pytest.param(False, 0, "<think> a a a a", "<think> \n </think> \n a", id="at the opening"),
        pytest.param(
            False, 2, "\n <th ink> a b a a", "\n <th ink> a b \n </think>", id="in pieces"
        ),
        pytest.param(True, 3, "a </th ink> a b a", "a </th ink> a b a", id="closed in pieces"),
        pytest.param(True, 1, "a</think>b a a a", "a</think>b a a a", id="closed within a token"),
        pytest.param(False, 1, "a a <think> a a a", "a a <think> a a a", id="no block"),
        pytest.param(False, 1, "<think> </think> a a", "<think> </think> a a", id="an empty block"),
        pytest.param(True, 2, "a <eos>", "a <eos>", id="the model ends"),
    ],
)
def test_what_is_written(starts_inside: bool, n: int, wishes: str, expected: str) -> None:
    constraint = budget(n, starts_inside=starts_inside)
    assert written(constraint, ids(*wishes.split(" "))) == expected.split(" ")
    assert not constraint.is_complete


def test_a_refused_token_changes_nothing() -> None:
    constraint = budget(1, starts_inside=True)
    assert constraint.accept(*ids("a"))
    assert [constraint.accept(*ids("a")) for _ in range(3)] == [False] * 3
    assert _allowed(constraint.allowed()) == ids("\n")


def test_the_inner_constraint_holds_and_bears_the_ending() -> None:
    inner = OnlyB()
    constraint = budget(1, inner, starts_inside=True)
    assert not constraint.accept(*ids("a"))
    assert constraint.allowed() == inner.allowed()
    assert written(constraint, ids("b", "b", "b", "b")) == ["b", "\n", "</think>", "\n"]
    assert inner.accepted == [*ids("b"), *ENDING]
    inner.is_complete = True
    assert constraint.is_complete
