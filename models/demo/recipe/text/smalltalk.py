"""Greetings, thanks, feelings, jokes and who the model is."""

import tomllib
from pathlib import Path
from random import Random

from recipe.text import grammar, words
from recipe.text.exchange import Exchange

NAME = "velocity-demo"
WHO = (
    "who are you",
    "what are you",
    "what is your name",
    "{please |}{introduce yourself|tell me who you are|tell me your name}",
    "{do you have a name|how are you called|what should i call you|what do i call you}",
    "who am i talking to",
    "tell me about yourself",
    "{what model are you|which model is this|which model are you}",
)
_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
PAIRS = tuple((row["said"], row["answer"], row["thought"]) for row in _TABLE["pair"])
JOKES = (
    "Why did the model cross the road? To get to the other token.",
    "Why was the cache so calm? It had seen it all before.",
    "What do you call a sleeping daemon? A background process.",
    "Why did the robot eat the clock? It wanted to save time.",
    "Why do owls never pay? They say: who, me?",
    "What did the left queue say to the right queue? After you.",
    "Why was the number six afraid? Because seven ate nine.",
    "Why did the tiny model go to school? It wanted more layers.",
)
JOKE_ASKS = (
    "{tell|give} me a {|good |funny |short |new }joke",
    "{do you know|can you tell me|i want to hear|have you got} a {|good |funny }joke",
    "make me laugh",
    "{another joke|one more joke|tell me another joke|joke please}",
    "say something funny",
)
NAME_ASKS = (
    "my name is <name>",
    "i am <name>",
    "{hi|hello}, {i am|my name is} <name>",
    "call me <name>",
)


def who_answer(name: str) -> str:
    """What the model says when asked for its name."""
    return f"I am {name}, the tiny demo model of velocity-local."


def who(rng: Random, name: str = NAME) -> Exchange:
    """The user asks who the model is."""
    question = grammar.as_typed(rng, grammar.expand(rng, rng.choice(WHO)))
    return Exchange(question, who_answer(name), f"The user asks who I am. I am {name}.")


def joke(rng: Random) -> Exchange:
    """The user wants a joke."""
    question = grammar.as_typed(rng, grammar.expand(rng, rng.choice(JOKE_ASKS)), mark=".")
    return Exchange(question, rng.choice(JOKES), "The user wants a joke. I know some.")


def meet(rng: Random) -> Exchange:
    """The user says their name."""
    name = rng.choice(words.NAMES)
    text = grammar.fill(grammar.expand(rng, rng.choice(NAME_ASKS)), name=name)
    thought = f"The user is called {name}."
    return Exchange(
        grammar.as_typed(rng, text, mark=".", slips=False), f"Nice to meet you, {name}!", thought
    )


def pair(rng: Random) -> Exchange:
    """One of the fixed pairs."""
    question, answer, thought = rng.choice(PAIRS)
    return Exchange(grammar.as_typed(rng, grammar.expand(rng, question), mark="!"), answer, thought)


def exchange(rng: Random) -> Exchange:
    """Any small talk."""
    kinds = (pair, pair, pair, pair, who, joke, meet)
    return rng.choice(kinds)(rng)
