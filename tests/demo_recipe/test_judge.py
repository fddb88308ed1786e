"""Judging answers, and which tokens count in training."""
# mypy: disable-error-code="import-not-found"

from typing import Any

import pytest
from recipe import held_out
from recipe.judge import passes
from recipe.weights import OTHER_WEIGHT, target_weights

CASES: list[tuple[str, dict[str, Any], str, bool]] = [
    ("contains", {"contains": "`a b`"}, "Run `a b`.", True),
    ("contains_not", {"contains": "`a b`"}, "Run `a b c`.", False),
    ("equals", {"equals": "x"}, "x ", False),
    ("call", {"calls": [{"name": "f"}]}, '<tool_call>\n{"name": "f"}\n</tool_call>', True),
    ("broken_call", {"calls": []}, "<tool_call>\n{\n</tool_call>", False),
    ("no_call", {"calls": []}, "Hello.", True),
    ("thinks", {"thinks": True}, "<think>\na\n</think>\n\nb", True),
    ("thinks_without_answer", {"thinks": True}, "<think>\na\n</think>\n\n", False),
    ("does_not_think", {"thinks": False}, "b", True),
    ("json", {"json": {"a": 1}}, '{"a": 1}', True),
    ("keys", {"keys": ["a", "b"]}, '{"a": 1, "b": 2}', True),
    ("keys_of_no_object", {"keys": ["a"]}, "[1]", False),
    ("long", {"tokens_at_least": 5}, "x", False),
]


@pytest.mark.parametrize(
    ("name", "judge", "answer", "expected"), CASES, ids=lambda value: str(value)
)
def test_judgement(name: str, judge: dict[str, Any], answer: str, *, expected: bool) -> None:
    assert passes(judge, answer, n_tokens=3, ended=True) is expected, name


def test_an_answer_without_an_end_never_passes() -> None:
    assert not passes({"contains": "a"}, "a", n_tokens=3, ended=False)


def test_held_out_rows_are_the_same_every_time() -> None:
    assert held_out.rows() == held_out.rows()


def test_only_the_assistant_counts_fully() -> None:
    start, end, assistant, user, line, word = range(6)
    turns = [start, user, line, word, end, line, start, assistant, line, word, end, line]
    weights = target_weights(turns, start=start, end=end, assistant=assistant)
    assert [i for i, weight in enumerate(weights) if weight == 1.0] == [9, 10]
    assert weights[0] == OTHER_WEIGHT


def test_plain_text_counts_fully() -> None:
    assert target_weights([7, 8], start=0, end=1, assistant=2) == [1.0, 1.0]
