"""Real templates, rendered as Hugging Face's `apply_chat_template` renders them: byte-equal."""

import tomllib
from functools import cache
from pathlib import Path

import pytest

from tests.contract.templates.comparison import (
    CONVERSATIONS,
    Comparison,
    Verdict,
    compare,
    shows_a_need,
)
from tests.contract.templates.reference import Reference
from tests.contract.templates.sources import compiled, template, templates

_CORPUS = Path(__file__).parents[2] / "corpora" / "templates" / "families.toml"
# By family and template: the conversations that it refuses in transformers as well.
FAMILIES: dict[str, dict[str, list[str]]] = tomllib.loads(_CORPUS.read_text(encoding="utf-8"))
REFUSES = {name: refuses for family in FAMILIES.values() for name, refuses in family.items()}


@cache
def _compared(name: str, reference: Reference) -> dict[str, Comparison]:
    return compare(template(name), compiled(name), reference)


def test_every_template_of_the_archive_is_named() -> None:
    assert set(templates()) == set(REFUSES)


@pytest.mark.parametrize("name", REFUSES)
def test_every_conversation_reads_as_in_transformers(name: str, reference: Reference) -> None:
    for talk, compared in _compared(name, reference).items():
        assert compared.ours == compared.theirs, talk


@pytest.mark.parametrize("name", REFUSES)
def test_a_template_refuses_what_it_is_known_to_refuse(name: str, reference: Reference) -> None:
    compared = _compared(name, reference).items()
    assert [talk for talk, each in compared if each.verdict is Verdict.REFUSED] == REFUSES[name]


@pytest.mark.parametrize("name", REFUSES)
def test_older_words_are_used_only_where_newer_ones_fail(name: str, reference: Reference) -> None:
    by_name = {talk.name: talk for talk in CONVERSATIONS}
    for talk, compared in _compared(name, reference).items():
        if compared.verdict is Verdict.OLDER:
            assert shows_a_need(compared.as_sent, by_name[talk]), talk


def test_at_least_forty_families_render_twelve_conversations(reference: Reference) -> None:
    rendered = {
        family: max(_n_rendered(name, reference) for name in names)
        for family, names in FAMILIES.items()
    }
    assert sum(count >= 12 for count in rendered.values()) >= 55, rendered


def _n_rendered(name: str, reference: Reference) -> int:
    return sum(each.ours is not None for each in _compared(name, reference).values())


@pytest.mark.parametrize("name", ["meta-llama-Llama-3.2-3B-Instruct", "openai-gpt-oss-120b"])
def test_the_clock_of_both_stands_still(name: str, reference: Reference) -> None:
    text = _compared(name, reference)["one question"].theirs
    assert text is not None
    assert "2026-07-04" in text or "04 Jul 2026" in text
