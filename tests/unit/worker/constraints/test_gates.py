"""Constraints that wait: for the end of the reasoning, for a tool call."""

import pytest

from tests.unit.worker.constraints.vocabularies import END, allowed, grammar, token, vocabulary
from velocity_local.worker.constraints.gates import AfterReasoning
from velocity_local.worker.constraints.triggers import AfterTrigger
from velocity_local.worker.constraints.vocabulary import Vocabulary

OBJECT = 'start: "{" /[a-z]{0,3}/ "}"'
CALL = 'start: "<tool_call>" "{" "}" "</tool_call>"'


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    return vocabulary()


def reasoning(words: Vocabulary, lark: str = OBJECT, *, inside: bool = False) -> AfterReasoning:
    return AfterReasoning(
        grammar(lark, words),
        words,
        opening=("<think>",),
        closing=("</think>",),
        starts_inside=inside,
    )


def trigger(words: Vocabulary, *, opens: bool = False) -> AfterTrigger:
    kind = "openers" if opens else "triggers"
    return AfterTrigger(grammar(CALL, words), words, **{kind: ("<tool_call>",)})


def write(constraint: AfterReasoning | AfterTrigger, *pieces: str) -> list[bool]:
    """Whether each token is accepted; a piece is a token, or else its bytes are."""
    return [
        constraint.accept(number)
        for piece in pieces
        for number in ([token(piece)] if len(piece) > 1 else piece.encode())
    ]


def all_accepted(constraint: AfterReasoning | AfterTrigger, *pieces: str) -> bool:
    return all(write(constraint, *pieces))


class TestReasoning:
    def test_an_answer_without_reasoning_is_held_to_its_format(self, words: Vocabulary) -> None:
        constraint = reasoning(words)
        assert write(constraint, "H", "{", "A", "a", "}") == [False, True, False, True, True]
        assert constraint.is_complete

    def test_reasoning_is_free_and_the_answer_after_it_is_not(self, words: Vocabulary) -> None:
        constraint = reasoning(words)
        assert all_accepted(constraint, "<think>", "H", "{", "A", "</think>", "\n\n")
        assert write(constraint, "H", "{", "}") == [False, True, True]
        assert constraint.is_complete

    def test_a_block_that_the_prompt_opened(self, words: Vocabulary) -> None:
        constraint = reasoning(words, inside=True)
        assert all_accepted(constraint, "H", "<", "/", "t", "h", "i", "n", "k", ">", "{", "}")

    @pytest.mark.parametrize("cut", [("<think>",), ("<", "think", ">\n\n"), tuple("<think>")])
    def test_the_block_may_be_opened_in_pieces(
        self, words: Vocabulary, cut: tuple[str, ...]
    ) -> None:
        constraint = reasoning(words)
        assert all_accepted(constraint, *cut, "x", "</think>", "{", "}")

    def test_an_end_inside_the_block_closes_it_instead(self, words: Vocabulary) -> None:
        constraint = reasoning(words, inside=True)
        assert all_accepted(constraint, "x")
        assert not constraint.accept(END)
        assert allowed(constraint.allowed()) == {token("</think>")}

    def test_a_closing_tag_begun_is_gone_on_with(self, words: Vocabulary) -> None:
        constraint = reasoning(words, inside=True)
        assert all_accepted(constraint, "x", "</")
        assert not constraint.accept(END)
        assert allowed(constraint.allowed()) == {token("think")}

    def test_the_answer_may_begin_in_the_token_that_closes(self, words: Vocabulary) -> None:
        constraint = reasoning(words, inside=True)
        assert all_accepted(constraint, "</", "think", ">{", "a", "}")
        assert constraint.is_complete

    def test_what_may_not_begin_the_answer_is_refused_with_the_tag(self, words: Vocabulary) -> None:
        constraint = reasoning(words, 'start: "[" "]"', inside=True)
        assert write(constraint, "</", "think", ">{") == [True, True, False]
        assert allowed(constraint.allowed()) == {ord(">")}
        assert all_accepted(constraint, ">", "[", "]")

    def test_an_answer_that_begins_like_the_block_may_be_either(self, words: Vocabulary) -> None:
        call = reasoning(words, CALL)
        assert all_accepted(call, "<", "t", "o", "o", "l")
        thought = reasoning(words, CALL)
        assert all_accepted(thought, "<", "t", "h", "i", "n", "k", ">", "</think>")
        assert all_accepted(thought, "<tool_call>", "{", "}")

    def test_a_beginning_that_fits_neither_is_led_back(self, words: Vocabulary) -> None:
        constraint = reasoning(words)
        assert write(constraint, "<", "x") == [True, False]
        assert allowed(constraint.allowed()) == {token("think")}

    def test_white_space_before_the_answer_ends(self, words: Vocabulary) -> None:
        constraint = reasoning(words, inside=True)
        write(constraint, "</think>")
        accepted = [constraint.accept(token("\n\n")) for _ in range(40)]
        assert accepted[:32] == [True] * 32
        assert not accepted[-1]

    def test_it_is_not_complete_before_it_is_armed(self, words: Vocabulary) -> None:
        constraint = reasoning(words)
        write(constraint, "<think>", "x")
        assert not constraint.is_complete


class TestTrigger:
    def test_text_is_free_and_may_end(self, words: Vocabulary) -> None:
        constraint = trigger(words)
        assert all_accepted(constraint, "H", "i", "<", "t", "x")
        assert constraint.accept(END)

    def test_a_call_is_held_to_its_form(self, words: Vocabulary) -> None:
        constraint = trigger(words)
        assert all_accepted(constraint, "H", "i", "<tool_call>")
        assert write(constraint, "x", "{", "x", "}") == [False, True, False, True]
        assert not constraint.accept(END)
        assert all_accepted(constraint, *"</tool_call>")
        assert constraint.is_complete

    def test_a_trigger_in_pieces(self, words: Vocabulary) -> None:
        constraint = trigger(words)
        assert write(constraint, "<", "tool", *"_call>", "x") == [True] * 8 + [False]

    def test_a_token_that_ends_the_trigger_wrongly(self, words: Vocabulary) -> None:
        constraint = trigger(words)
        assert write(constraint, "<", "tool", *"_call", ">\n\n") == [True] * 7 + [False]
        assert allowed(constraint.allowed()) == {ord(">")}
        assert all_accepted(constraint, ">{", "}")

    def test_a_trigger_that_opens_the_answer_counts_only_there(self, words: Vocabulary) -> None:
        opened = trigger(words, opens=True)
        assert write(opened, "\n", "<tool_call>", "x") == [True, True, False]
        free = trigger(words, opens=True)
        assert all_accepted(free, "H", "<tool_call>", "x")

    def test_copies_are_apart(self, words: Vocabulary) -> None:
        constraint = trigger(words)
        write(constraint, "<", "tool")
        copied = constraint.copy()
        assert all_accepted(copied, *"_call>")
        assert not copied.accept(ord("x"))
        assert all_accepted(constraint, "x")
