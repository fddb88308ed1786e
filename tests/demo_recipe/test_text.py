"""The generated text: the same for the same seed, and true to what the product offers."""
# mypy: disable-error-code="import-not-found"

import json
import re
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from recipe import judge, render
from recipe.text import commands, dialogues, grammar, sequences, stories
from recipe.text.exchange import Conversation

KNOWN_VERBS = {
    "start",
    "stop",
    "restart",
    "status",
    "serve",
    "logs",
    "run",
    "chat",
    "ps",
    "list",
    "show",
    "pull",
    "history",
    "doctor",
    "config",
    "version",
    "tui",
}
KNOWN_CONFIG = {"get", "set", "path", "validate"}
KNOWN_URLS = {"/v1", "/docs", "/metrics", "/health", "/ready"}
SPAN = re.compile(r"`([^`]+)`")


def conversations(n: int, *, seed: int = 3) -> list[Conversation]:
    rng = Random(seed)
    return [dialogues.conversation(rng) for _ in range(n)]


def answers(*, n: int = 2000) -> list[str]:
    rng = Random(5)
    return [commands.exchange(rng).answer for _ in range(n)]


def test_the_same_seed_gives_the_same_text() -> None:
    assert conversations(50) == conversations(50)
    assert conversations(50) != conversations(50, seed=4)


@pytest.mark.parametrize("intent", commands.INTENTS, ids=lambda intent: intent.name)
def test_an_answer_holds_what_it_is_judged_by(intent: commands.Intent) -> None:
    assert intent.must in intent.answer
    assert intent.ask
    assert intent.held_ask


def test_every_command_in_the_text_is_known() -> None:
    spans = {span for answer in answers() for span in SPAN.findall(answer)}
    verbs = {span.split()[1] for span in spans if span.startswith("velocity-local ")}
    settings = {span.split()[2] for span in spans if span.startswith("velocity-local config")}
    others = {span for span in spans if not span.startswith(("velocity-local ", "http", "--"))}
    assert verbs == KNOWN_VERBS
    assert settings == KNOWN_CONFIG
    assert others == {"make start", "make test", "base_url"}


def test_every_local_address_in_the_text_is_known() -> None:
    spans = {span for answer in answers() for span in SPAN.findall(answer)}
    local = {span.split("8621")[1] for span in spans if span.startswith("http://127.0.0.1:8621")}
    assert local == KNOWN_URLS


def test_held_out_questions_are_never_trained_on() -> None:
    rng = Random(11)
    trained = {commands.exchange(rng).user.lower().strip("?.") for _ in range(20_000)}
    held = {one.question.lower().strip("?.") for one in commands.held_out(Random(1))}
    assert not trained & held


def test_written_tool_calls_are_json_and_use_offered_tools() -> None:
    for one in conversations(400):
        tools: Any = one.tools
        offered = {tool["function"]["name"] for tool in tools}
        text = render.render(Conversation(one.topic, one.messages))
        written = judge.calls(text)
        assert written is not None
        assert {call["name"] for call in written} <= offered


def test_no_place_is_left_open() -> None:
    for one in conversations(600):
        contents = " ".join(str(message.get("content")) for message in one.messages)
        assert not re.search(r"<[a-z0-9_]{1,8}>|[{}]\|", contents), contents


def test_counting_counts() -> None:
    rng = Random(2)
    for _ in range(200):
        numbers = [int(one) for one in re.findall(r"\d+", sequences.count(rng).answer)]
        steps = {b - a for a, b in pairwise(numbers)}
        assert len(steps) == 1


def test_a_story_keeps_its_name() -> None:
    rng = Random(9)
    for _ in range(100):
        story = stories.cast(rng)
        assert story.values["name"] in stories.short(rng, story)


def test_objects_are_json() -> None:
    rng = Random(6)
    objects = dialogues.TOPICS["json"][1]
    assert all(isinstance(json.loads(objects(rng).answer), dict) for _ in range(300))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a", {"a"}),
        ("{a|b}", {"a", "b"}),
        ("{a{b|c}|d}e", {"abe", "ace", "de"}),
        ("{|x}y", {"y", "xy"}),
    ],
)
def test_patterns_expand(pattern: str, expected: set[str]) -> None:
    rng = Random(0)
    assert {grammar.expand(rng, pattern) for _ in range(60)} == expected


def test_a_slip_changes_one_word_only() -> None:
    rng = Random(1)
    before = "please show the settings"
    after = grammar.misspell(rng, before)
    changed = [a for a, b in zip(before.split(), after.split(), strict=True) if a != b]
    assert len(changed) <= 1
