"""Counting, lists and times tables: long answers with one right continuation."""

import tomllib
from pathlib import Path
from random import Random

from recipe.text import grammar
from recipe.text.exchange import Exchange

COUNT_ASKS = (
    "count from <first> to <last>",
    "{please |}count from <first> to <last>",
    "{can you|could you|please} count from <first> to <last>",
    "{count|list|write|say|print} {all |the |}numbers from <first> to <last>",
    "write {all |the |}numbers <first> to <last>",
)
COUNT_TO_ASKS = ("count to <last>", "{can you|please} count to <last>", "count up to <last>")
DOWN_ASKS = (
    "count down from <first> to <last>",
    "{please |can you }count down from <first> to <last>",
    "count backwards from <first> to <last>",
)
STEP_ASKS = (
    "count from <first> to <last> {by|in steps of} <step>",
    "count by <step> from <first> to <last>",
)
LINES = (
    "{|, }one number per line",
    "{|, }each on its own line",
    " {with|using} one line for each number",
)
_TABLE: dict[str, dict[str, str]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
LISTS = {what: items.split() for what, items in _TABLE["some"].items()}
FIXED = {what: f"{', '.join(items.split())}." for what, items in _TABLE["whole"].items()}
FIXED_ASKS = (
    "{list|name|say|tell me|write|what are} <what>",
    "{can you|please|could you} {list|name|say|write} <what>",
)
LIST_ASKS = (
    "{list|name|write|give me|tell me} <n> <what>",
    "{can you|please|could you} {list|name|give me} <n> <what>",
    "a list of <n> <what>",
)
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
TABLE_ASKS = (
    "{write|say|list|show|give me|what is} the times table of <n>",
    "{write|say|list|show} the <n> times table",
)
WRITTEN = dict(enumerate(NUMBERS)) | {12: "twelve", 15: "fifteen", 20: "twenty", 30: "thirty"}
WRITTEN |= {40: "forty", 50: "fifty", 100: "one hundred"}
MAXIMUM = 200


def _span(rng: Random) -> tuple[int, int]:
    """Mostly short ranges anywhere, often from 1, now and then long ones."""
    kind = rng.random()
    if kind < 0.45:
        first = rng.randint(0, MAXIMUM - 10)
        return first, min(MAXIMUM, first + rng.randint(2, 30))
    if kind < 0.75:
        return 1, rng.randint(2, 40)
    if kind < 0.97:
        return 1, rng.choice((rng.randint(40, 120), 50, 60, 80, 100, 100))
    return 1, rng.choice((rng.randint(120, MAXIMUM), 150, MAXIMUM))


def _ask(rng: Random, patterns: tuple[str, ...], **values: int) -> str:
    return grammar.fill(grammar.expand(rng, rng.choice(patterns)), **values)


def _numbers(rng: Random) -> tuple[str, list[int]]:
    first, last = _span(rng)
    kind = rng.random()
    if kind < 0.12:
        first, last = last, max(0, last - min(last - first, 50))
        return _ask(rng, DOWN_ASKS, first=first, last=last), list(range(first, last - 1, -1))
    if kind < 0.2:
        step = rng.choice((2, 3, 5, 10))
        first = rng.choice((0, step, 1))
        numbers = list(range(first, first + step * rng.randint(3, 30), step))
        ask = _ask(rng, STEP_ASKS, first=first, last=numbers[-1], step=step)
        return ask, numbers
    if kind < 0.26:
        last = rng.choice((5, *list(WRITTEN)[3:]))
        written = rng.choice((WRITTEN[last], str(last)))
        asked = grammar.expand(rng, rng.choice(COUNT_TO_ASKS)).replace("<last>", written)
        return asked, list(range(1, last + 1))
    asks = COUNT_TO_ASKS if first == 1 and rng.random() < 0.3 else COUNT_ASKS
    return _ask(rng, asks, first=first, last=last), list(range(first, last + 1))


def count(rng: Random) -> Exchange:
    """Counting up, down or in steps, in a row or one number per line."""
    question, numbers = _numbers(rng)
    texts = [str(number) for number in numbers]
    thought = f"I count from {texts[0]} to {texts[-1]}."
    if rng.random() < 0.12:
        question += grammar.expand(rng, rng.choice(LINES))
        return Exchange(grammar.as_typed(rng, question, mark="."), "\n".join(texts), thought)
    return Exchange(grammar.as_typed(rng, question, mark="."), f"{', '.join(texts)}.", thought)


def _amount(rng: Random, n: int) -> str:
    return str(n) if rng.random() < 0.5 else NUMBERS[n]


def listing(rng: Random) -> Exchange:
    """The first n things of a kind, numbered, with bullets or in a row."""
    what, items = rng.choice(tuple(LISTS.items()))
    n = rng.randint(2, 10)
    question = _ask(rng, LIST_ASKS).replace("<n>", _amount(rng, n)).replace("<what>", what)
    answer = "\n".join(f"{i}. {item}" for i, item in enumerate(items[:n], 1))
    kind = rng.random()
    if kind < 0.2:
        question += grammar.expand(rng, "{|,} {as bullet points|with bullets|as a bullet list}")
        answer = "\n".join(f"- {item}" for item in items[:n])
    elif kind < 0.4:
        question += grammar.expand(rng, "{|,} {in one line|with commas|separated by commas}")
        answer = f"{', '.join(items[:n])}."
    thought = f"The user wants {n} {what}."
    return Exchange(grammar.as_typed(rng, question, mark="."), answer, thought)


def fixed(rng: Random) -> Exchange:
    """A list that everybody knows."""
    what, items = rng.choice(tuple(FIXED.items()))
    question = _ask(rng, FIXED_ASKS).replace("<what>", what)
    return Exchange(grammar.as_typed(rng, question), items, f"The user wants {what}.")


def table(rng: Random) -> Exchange:
    """A times table, one product per line."""
    n = rng.randint(2, 12)
    lines = [f"{n} x {i} = {n * i}" for i in range(1, 11)]
    question = _ask(rng, TABLE_ASKS, n=n)
    return Exchange(
        grammar.as_typed(rng, question, mark="."), "\n".join(lines), f"I write {n} times 1 to 10."
    )


def exchange(rng: Random) -> Exchange:
    """Any short or long sequence."""
    kinds = (count, count, count, listing, listing, fixed, table)
    return rng.choice(kinds)(rng)
