"""The same templates in the process that renders them for a worker, whole and mutilated."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.contract.templates.corpus import conversations
from tests.contract.templates.reference import SPECIAL_TOKENS
from tests.contract.templates.sources import compiled, template, templates
from velocity_local.core.errors import TemplateError
from velocity_local.worker.chat.chatml import CHATML
from velocity_local.worker.chat.conversation import message_dicts, tool_dicts
from velocity_local.worker.chat.render_jobs import MAX_SOURCE_BYTES, RenderJob
from velocity_local.worker.chat.templates import ChatTemplate, TemplateFault
from velocity_local.worker.render_host import RenderHost

pytestmark = pytest.mark.process

N_MUTANTS = 300
TALK = "reasoning in history"
TALKS = {talk.name: talk for talk in conversations()}
# What a mutant is given now and then; each would take a worker without limits down with it.
POISONS = (
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{{ 9 ** (9 ** 9) }}",
    "{% set x = 'a' * (10 ** 9) %}",
    "{{ messages.__class__.__init__.__globals__ }}",
    "{% include '/etc/passwd' %}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{{ namespace(__class__=1) }}",
    "{{ range(10 ** 12) | list }}",
    "{{ ('x' * 9000) | center(10 ** 9) }}",
)


@pytest.fixture(scope="module")
def host() -> Iterator[RenderHost]:
    host = RenderHost(time_limit_s=0.3)
    host.start()
    yield host
    host.close()


def _job(name: str) -> RenderJob:
    talk = TALKS[name]
    return RenderJob(talk.sent_messages, talk.sent_tools, talk.kwargs, talk.continues)


def _here(template: ChatTemplate, name: str) -> str | None:
    talk = TALKS[name]
    try:
        return template.render(
            message_dicts(talk.sent_messages, template.knows),
            tool_dicts(talk.sent_tools),
            talk.kwargs,
            continues_final=talk.continues,
        )
    except TemplateFault:
        return None


def _there(host: RenderHost, source: str, name: str) -> str | None:
    host.use(source, SPECIAL_TOKENS)
    try:
        return host.render(_job(name))
    except TemplateError:
        return None


def test_every_template_renders_under_the_limits() -> None:
    host = RenderHost()
    host.start()
    pid = host.pid
    for name in templates():
        source = template(name)
        assert len(source.encode()) <= MAX_SOURCE_BYTES
        ours = compiled(name)
        if "strftime_now" in source:
            ours = ChatTemplate(source, SPECIAL_TOKENS, datetime.now)
        assert _there(host, source, TALK) == _here(ours, TALK), name
    assert host.pid == pid
    host.close()


def test_a_mutilated_template_renders_or_is_refused_and_the_next_one_renders(
    host: RenderHost,
) -> None:
    chance = random.Random(20260704)
    names = sorted(templates())
    outcomes: Counter[str] = Counter()
    for _ in range(N_MUTANTS):
        mutant = _mutated(template(chance.choice(names)), chance)
        text = _there(host, mutant, chance.choice(list(TALKS)))
        outcomes["text" if text is not None else "refused"] += 1
    assert _there(host, CHATML, "one question") is not None
    assert min(outcomes["text"], outcomes["refused"]) > N_MUTANTS // 10, outcomes


@pytest.mark.parametrize("poison", POISONS)
def test_a_poison_in_a_real_template_costs_one_request(host: RenderHost, poison: str) -> None:
    source = template("Qwen-Qwen3-0.6B")
    assert _there(host, poison + source, "one question") is None
    expected = _here(compiled("Qwen-Qwen3-0.6B"), "one question")
    assert _there(host, source, "one question") == expected


def _mutated(source: str, chance: random.Random) -> str:
    for _ in range(chance.randint(1, 3)):
        source = chance.choice(MUTATIONS)(source, chance)
    return source


def _cut(source: str, chance: random.Random) -> str:
    start, end = _span(source, chance)
    return source[:start] + source[end:]


def _double(source: str, chance: random.Random) -> str:
    start, end = _span(source, chance)
    return source[:end] + source[start:]


def _swap(source: str, chance: random.Random) -> str:
    start, end = _span(source, chance)
    return source[:start] + source[start:end][::-1] + source[end:]


def _rename(source: str, chance: random.Random) -> str:
    words = ("content", "messages", "tool_calls", "role", "tojson", "trim", "endif", "loop", "ns")
    old, new = chance.sample(words, 2)
    return source.replace(old, new, chance.randint(1, 3))


def _flip(source: str, chance: random.Random) -> str:
    at = chance.randrange(len(source) or 1)
    return source[:at] + chance.choice("{}%#-|.'\"()[]\0\n\ud7ff😀") + source[at + 1 :]


def _poison(source: str, chance: random.Random) -> str:
    if chance.random() < 0.8:
        return _flip(source, chance)
    at = source.find("{%", chance.randrange(len(source) or 1))
    return source[:at] + chance.choice(POISONS[1:]) + source[at:]


def _span(source: str, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(source) or 1)
    return start, min(len(source), start + chance.randint(1, 60))


MUTATIONS = (_cut, _double, _swap, _rename, _flip, _poison)
