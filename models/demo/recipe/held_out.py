"""Writes held_out.jsonl: prompts never trained on, each with the way it is judged."""

import argparse
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

from recipe.text import (
    commands,
    copying,
    dialogues,
    grammar,
    knowledge,
    objects,
    sequences,
    smalltalk,
    styles,
    tools,
    unknown,
)
from recipe.text.exchange import Conversation, Exchange, Message

Row = dict[str, Any]
SEED = 990_000
UNKNOWN_QUESTIONS = (
    "Who wrote the brothers karamazov?",
    "What is the boiling point of mercury?",
    "explain how a transformer works",
    "What should I cook tonight?",
    "Who is the best football player?",
    "How do I fix my bicycle?",
    "What is the distance from the earth to the moon?",
    "write a haskell program that sorts a list",
    "Is coffee healthy?",
    "Who was Napoleon?",
    "How do vaccines work?",
    "What are the symptoms of the flu?",
    "Who painted the last supper?",
    "What is the tallest building?",
    "What happened in 1789?",
    "How do I learn the guitar?",
)
SMALLTALK = (
    ("hello my friend", "Hello"),
    ("Hey, how are you?", "I am"),
    ("good morning my friend", "morning"),
    ("thank you so much", "welcome"),
    ("thanks for the help", "welcome"),
    ("ok bye", "Goodbye"),
    ("bye for now", "Goodbye"),
    ("so who are you", "velocity-demo"),
    ("tell me your name please", "velocity-demo"),
    ("and what can you do?", "tiny stories"),
    ("Are you a real person?", "not a person"),
    ("i am very sad today", "sorry"),
)
COUNTS = ((1, 10), (1, 50), (1, 75), (1, 100), (1, 120), (1, 150), (1, 200), (17, 43), (88, 121))
STORY_SUBJECTS = ("a fox named Zara", "a lamp", "a penguin", "a baker", "an owl and a turtle")
NEW_TOOLS: tuple[tuple[str, tuple[str, ...], str, dict[str, str]], ...] = (
    ("get_news", ("topic",), "get the news about apples", {"topic": "apples"}),
    ("book_room", ("city",), "book a room in Madrid", {"city": "Madrid"}),
    ("play_song", ("title",), "play the song blue river", {"title": "blue river"}),
    ("open_door", ("room",), "open the door of the kitchen", {"room": "kitchen"}),
    ("delete_file", ("path",), "delete the file old.txt", {"path": "old.txt"}),
    ("call_person", ("name",), "call Julia", {"name": "Julia"}),
)


def _row(kind: str, messages: list[Message], judge: Row, **extra: object) -> Row:
    return {"kind": kind, "messages": messages, **extra, "judge": judge}


def _user(text: str, *, system: str = "") -> list[Message]:
    opening: list[Message] = [{"role": "system", "content": system}] if system else []
    return [*opening, {"role": "user", "content": text}]


def _domain(rng: Random) -> Iterator[Row]:
    for one in commands.held_out(rng):
        yield _row(f"domain_{one.kind}", _user(one.question), {"contains": one.must})


def _exact(kind: str, rows: list[Exchange]) -> Iterator[Row]:
    for one in rows:
        yield _row(kind, _user(one.user), {"equals": one.answer})


def _counting() -> Iterator[Row]:
    for first, last in COUNTS:
        expected = ", ".join(map(str, range(first, last + 1))) + "."
        yield _row("count", _user(f"Count from {first} to {last}"), {"equals": expected})


def _tool_conversation(rng: Random) -> Conversation:
    while True:
        one = dialogues.with_tools(rng)
        if not one.enable_thinking and any(m["role"] == "tool" for m in one.messages):
            return one


def _calls(message: Message) -> list[Row]:
    written: Any = message["tool_calls"]
    return [call["function"] for call in written]


def _tools(rng: Random) -> Iterator[Row]:
    for _ in range(60):
        one = _tool_conversation(rng)
        at = next(i for i, message in enumerate(one.messages) if "tool_calls" in message)
        judge = {"calls": _calls(one.messages[at])}
        yield _row("tool_call", one.messages[:at], judge, tools=one.tools)
        end = next(i for i in range(at + 1, len(one.messages)) if one.messages[i]["role"] != "tool")
        report = {"equals": one.messages[end]["content"]}
        yield _row("tool_report", one.messages[:end], report, tools=one.tools)


def _tool_edges(rng: Random) -> Iterator[Row]:
    for _ in range(20):
        offered, missing = rng.sample(tools.TOOLS, 2)
        schema = [tools.offer(rng, offered).schema()]
        asked = grammar.capitalize(grammar.expand(rng, missing.draw(rng).asked))
        yield _row("tool_missing", _user(asked), {"equals": dialogues.NO_TOOL}, tools=schema)
        plain = grammar.capitalize(knowledge.fact(rng).question)
        yield _row("tool_not_needed", _user(plain), {"calls": []}, tools=schema)
    for name, keys, asked, arguments in NEW_TOOLS:
        made = tools.Tool((name,), ("",), tuple((key,) for key in keys), tools.TOOLS[0].draw)
        schema = [tools.offer(rng, made).schema()]
        judge = {"calls": [{"name": name, "arguments": arguments}]}
        yield _row("tool_never_seen", _user(asked), judge, tools=schema)


def _thinking(rng: Random) -> Iterator[Row]:
    for i in range(30):
        one = commands.exchange(rng) if i % 2 else smalltalk.exchange(rng)
        if i % 3 == 0:
            yield _row("think", _user(one.user), {"thinks": True}, enable_thinking=True)
        elif i % 3 == 1:
            system = "You are a helpful assistant. Think first."
            yield _row("think", _user(one.user, system=system), {"thinks": True})
        else:
            yield _row("think", _user(f"Think first. {one.user}"), {"thinks": True})
        yield _row("no_think", _user(one.user), {"thinks": False})


def _styles(rng: Random) -> Iterator[Row]:
    for make in sorted(set(styles.KINDS), key=lambda kind: kind.__name__):
        for _ in range(8):
            system, rows = make(rng)
            system = grammar.capitalize(grammar.expand(rng, system))
            messages = _user(rows[0].user, system=system)
            for done, following in pairwise(rows):
                messages.append({"role": "assistant", "content": done.answer})
                messages += _user(following.user)
            judge = {"equals": rows[-1].answer}
            if "joke" in rows[-1].thought:
                judge = {"contains": rows[-1].answer[-1]}
            yield _row(f"style_{make.__name__}", messages, judge)


def _objects(rng: Random) -> Iterator[Row]:
    for _ in range(40):
        one = objects.exchange(rng)
        wanted = json.loads(one.answer)
        values = [str(v) for v in wanted.values() if not isinstance(v, bool)]
        told = bool(values) and all(value in one.user for value in values)
        yield _row("json", _user(one.user), {"json": wanted} if told else {"keys": list(wanted)})


def rows() -> list[Row]:
    """Every held-out prompt, in a fixed order."""
    rng = Random(SEED)
    copies = [copying.copy(rng) for _ in range(60)]
    made = [*_domain(rng), *_exact("copy", copies), *_counting(), *_tools(rng), *_tool_edges(rng)]
    made += [*_thinking(rng), *_styles(rng), *_objects(rng)]
    made += _exact("sequence", [sequences.exchange(rng) for _ in range(30)])
    made += _exact("fact", [knowledge.exchange(rng) for _ in range(30)])
    made += [_row("unknown", _user(q), {"contains": "do not know"}) for q in UNKNOWN_QUESTIONS]
    made += _exact("unknown", [unknown.exchange(rng) for _ in range(14)])
    made += [_row("smalltalk", _user(asked), {"contains": text}) for asked, text in SMALLTALK]
    for subject in STORY_SUBJECTS:
        asked = f"Tell me a long story about {subject}."
        made.append(_row("long_story", _user(asked), {"tokens_at_least": 200}))
    return made


def main() -> None:
    """Writes the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("held_out.jsonl"))
    lines = [json.dumps(row, ensure_ascii=False) for row in rows()]
    parser.parse_args().out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
