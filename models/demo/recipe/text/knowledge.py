"""A few plain facts and sums, each with a sentence and a one-word answer."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from random import Random

from recipe.text import grammar
from recipe.text.exchange import Exchange

_TABLE: dict[str, dict[str, str]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
CAPITALS, COLORS, OPPOSITES = _TABLE["capitals"], _TABLE["colors"], _TABLE["opposites"]
SOUNDS, LEGS = _TABLE["sounds"], _TABLE["legs"]
CAPITAL_ASKS = (
    "what is the capital of <x>",
    "{what|which} city is the capital of <x>",
    "capital of <x>",
)
COLOR_ASKS = ("what color is <x>", "what is the color of <x>", "{which|what} color does <x> have")
OPPOSITE_ASKS = ("what is the opposite of <x>", "opposite of <x>", "tell me the opposite of <x>")
SOUND_ASKS = ("what does <x> say", "what sound does <x> make", "which sound does <x> make")
LEG_ASKS = ("how many legs does <x> have", "how many legs has <x>", "number of legs of <x>")
SUM_ASKS = (
    "what is <a> + <b>",
    "<a> + <b>",
    "what is <a> plus <b>",
    "how much is <a> plus <b>",
    "what is <a>+<b>",
    "<a>+<b>",
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One question with its sentence, its one-word answer and a thought."""

    question: str
    sentence: str
    word: str
    thought: str


def _capital(rng: Random) -> Fact:
    country, city = rng.choice(tuple(CAPITALS.items()))
    ask = grammar.fill(rng.choice(CAPITAL_ASKS), x=country)
    return Fact(
        ask, f"The capital of {country} is {city}.", city, f"The user asks about {country}."
    )


def _color(rng: Random) -> Fact:
    thing, color = rng.choice(tuple(COLORS.items()))
    ask = grammar.fill(rng.choice(COLOR_ASKS), x=thing)
    sentence = f"{grammar.capitalize(thing)} is {color}."
    return Fact(ask, sentence, color, f"The user asks for the color of {thing}.")


def _opposite(rng: Random) -> Fact:
    word, opposite = rng.choice(tuple(OPPOSITES.items()))
    ask = grammar.fill(rng.choice(OPPOSITE_ASKS), x=word)
    return Fact(
        ask,
        f"The opposite of {word} is {opposite}.",
        opposite,
        f"I look for the opposite of {word}.",
    )


def _sound(rng: Random) -> Fact:
    animal, sound = rng.choice(tuple(SOUNDS.items()))
    one = grammar.article(animal)
    ask = grammar.fill(rng.choice(SOUND_ASKS), x=one)
    sentence = f"{grammar.capitalize(one)} says {sound}."
    return Fact(ask, sentence, sound, f"I know what {one} says.")


def _legs(rng: Random) -> Fact:
    animal, legs = rng.choice(tuple(LEGS.items()))
    one = grammar.article(animal)
    ask = grammar.fill(rng.choice(LEG_ASKS), x=one)
    sentence = f"{grammar.capitalize(one)} has {legs} legs."
    return Fact(ask, sentence, legs, f"I count the legs of {one}.")


def _sum(rng: Random) -> Fact:
    a, b = rng.randint(0, 12), rng.randint(0, 12)
    ask = grammar.fill(rng.choice(SUM_ASKS), a=a, b=b)
    return Fact(ask, f"{a} + {b} = {a + b}.", str(a + b), f"I add {a} and {b}.")


KINDS = (_capital, _color, _opposite, _sound, _legs, _sum, _sum)


def fact(rng: Random) -> Fact:
    """Any fact."""
    return rng.choice(KINDS)(rng)


def exchange(rng: Random) -> Exchange:
    """A fact, asked for plainly or with the wish for one word."""
    known = fact(rng)
    question = grammar.expand(rng, known.question)
    if rng.random() < 0.25:
        question = grammar.expand(
            rng, f"{{answer in one word|in one word|one word only}}: {question}"
        )
        word = grammar.capitalize(known.word)
        return Exchange(grammar.as_typed(rng, question), f"{word}.", known.thought)
    return Exchange(grammar.as_typed(rng, question), known.sentence, known.thought)
