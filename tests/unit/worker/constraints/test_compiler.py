"""Grammars from strangers: bounded in number, size and time; each costs its own request at most."""

from contextlib import suppress

import pytest

from tests.unit.worker.constraints.vocabularies import END, allowed, vocabulary
from velocity_local.core.errors import CapacityError, DeadlineExceeded, InvalidFormat
from velocity_local.core.formats import AnswerFormat, ChoiceFormat, GrammarFormat, RegexFormat
from velocity_local.worker.constraints.compiler import MAX_KEPT, MAX_STUCK, Compiler
from velocity_local.worker.constraints.grammars import lark_of
from velocity_local.worker.constraints.vocabulary import Vocabulary
from velocity_local.worker.engine.constraint import Unanswerable


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    return vocabulary()


def regex(pattern: str) -> AnswerFormat:
    return RegexFormat(param="format", pattern=pattern)


def lark(source: str) -> AnswerFormat:
    return GrammarFormat(param="format", source=source)


HOSTILE: dict[str, AnswerFormat] = {
    "a backtracker's nightmare": regex("(a+)+b"),
    "many states": regex("(a|b)*a(a|b){25}"),
    "many copies": regex("(a{100}){100}{100}"),
    "deep parentheses": regex("(" * 20_000 + "a" + ")" * 20_000),
    "no regex": regex("a("),
    "looking ahead": regex("(?=a)a"),
    "a back-reference": regex(r"(a)\1"),
    "deep Lark": lark("start: " + "(" * 20_000 + '"a"' + ")" * 20_000),
    "a rule of itself": lark("start: start"),
    "a terminal of itself": lark('start: A\nA: A "x" | "a"'),
    "ambiguous": lark('start: e\ne: e e | "a" |'),
    "a million": lark('start: "a"{1000000}'),
    "a product": lark('start: x{1000}\nx: y{1000}\ny: "a"{1000}'),
    "many words": lark("start: " + " | ".join(f'"w{i}"' for i in range(5_000))),
    "no grammar": lark("start: %json {"),
    "intersections": lark("start: A\nA: /(.*a.{20})/ & /(.*b.{22})/ & ~/(.*c.{21})/"),
    "deep GBNF": lark("root ::= " + "(" * 20_000 + '"a"' + ")" * 20_000),
    "GBNF of itself": lark("root ::= root"),
    "too long": lark('start: "' + "a" * 70_000 + '"'),
    "many choices": ChoiceFormat(param="format", texts=tuple(f"choice {i}" for i in range(1_000))),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_grammar_is_refused_or_followed(name: str, words: Vocabulary) -> None:
    with suppress(InvalidFormat):
        constraint = Compiler(words).constraint(lark_of(HOSTILE[name]), "format")
        for _ in range(50):
            token = min(allowed(constraint.allowed()))
            if token == END or constraint.is_complete:
                return
            assert constraint.accept(token)


def test_ten_thousand_grammars_leave_no_more_than_are_kept(words: Vocabulary) -> None:
    compiler = Compiler(words)
    for i in range(10_000):
        compiler.constraint(f'start: "{i}"', "format")
        assert compiler.n_kept <= MAX_KEPT
    assert compiler.n_kept == MAX_KEPT


def test_what_was_used_last_is_kept(words: Vocabulary) -> None:
    compiler = Compiler(words)
    first = compiler.constraint('start: "a"', "format")
    assert first.accept(ord("a"))
    again = compiler.constraint('start: "a"', "format")
    assert not again.is_complete
    assert compiler.n_kept == 1


def test_what_does_not_compile_in_time_costs_its_own_request(words: Vocabulary) -> None:
    compiler = Compiler(words, time_limit_s=0.02)
    for i in range(MAX_STUCK):
        with pytest.raises(DeadlineExceeded) as caught:
            compiler.constraint(f"start: /(a{{100}}){{100}}{{10{i}}}/", "format")
        assert caught.value.param == "format"
    with pytest.raises(CapacityError):
        compiler.constraint('start: "a"', "format")


def test_a_grammar_that_grows_too_complex_says_so(words: Vocabulary) -> None:
    constraint = Compiler(words).constraint('start: "a"{1000000}', "format")
    with pytest.raises(Unanswerable, match="complex"):
        constraint.accept(ord("a"))
