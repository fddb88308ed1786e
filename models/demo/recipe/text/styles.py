"""System instructions that the model obeys, and things to remember."""

from random import Random
from typing import TypeAlias

from recipe.text import copying, grammar, knowledge, smalltalk, words
from recipe.text.exchange import Exchange

Styled: TypeAlias = tuple[str, list[Exchange]]
NAME_RULES = (
    "your name is <x>.",
    "you are <x>.",
    "you are <x>, a helpful assistant.",
    "call yourself <x>.",
)
WORD_RULES = (
    "answer in one word.",
    "{always |}answer with one word{| only}.",
    "use one word only.",
)
CAPITAL_RULES = (
    "answer in {capital letters|capitals|upper case|uppercase}.",
    "{always |}{write|use} {capital letters|upper case}{| only}.",
)
FIXED_RULES = (
    "{always answer|answer everything|answer always|only answer} with: <x>",
    "say only: <x>",
)
END_RULES = ("end {every|each} answer with: <x>", "{always |}put this at the end: <x>")
START_RULES = ("{start|begin} {every|each} answer with: <x>", "{always |}put this first: <x>")
MEMORIES = (
    (
        "the {secret word|code word|password} is <x>.",
        "what is the {secret word|code word|password}",
        "It is <x>.",
    ),
    ("remember the word <x>.", "which word {should you remember|did i say}", "The word is <x>."),
    ("the number is <x>.", "what is the number", "The number is <x>."),
    ("the user is called <x>.", "what is my name", "Your name is <x>."),
)


def _short(rng: Random) -> Exchange:
    kinds = (smalltalk.pair, smalltalk.who, smalltalk.joke)
    if rng.random() < 0.5:
        return rng.choice(kinds)(rng)
    known = knowledge.fact(rng)
    return Exchange(grammar.as_typed(rng, known.question), known.sentence, known.thought)


def _changed(one: Exchange, answer: str) -> Exchange:
    return Exchange(one.user, answer, one.thought)


def named(rng: Random) -> Styled:
    """The model goes by another name."""
    name = rng.choice((*words.NAMES, grammar.capitalize(copying.invented(rng))))
    others = [_short(rng) for _ in range(rng.randint(0, 1))]
    others = [one for one in others if smalltalk.NAME not in one.answer]
    return grammar.fill(rng.choice(NAME_RULES), x=name), [*others, smalltalk.who(rng, name)]


def one_word(rng: Random) -> Styled:
    """Facts in one word."""
    known = [knowledge.fact(rng) for _ in range(rng.randint(1, 3))]
    rows = [
        Exchange(
            grammar.as_typed(rng, one.question), f"{grammar.capitalize(one.word)}.", one.thought
        )
        for one in known
    ]
    return rng.choice(WORD_RULES), rows


def capitals(rng: Random) -> Styled:
    """Short answers in capital letters."""
    rows = [_short(rng) for _ in range(rng.randint(1, 3))]
    return rng.choice(CAPITAL_RULES), [_changed(one, one.answer.upper()) for one in rows]


def always(rng: Random) -> Styled:
    """One fixed answer to everything."""
    answer = rng.choice(
        (copying.invented(rng), rng.choice(words.PLAIN), copying.plain_words(rng)[:40].strip())
    )
    rows = [_short(rng) for _ in range(rng.randint(1, 2))]
    return grammar.fill(rng.choice(FIXED_RULES), x=answer), [_changed(one, answer) for one in rows]


def framed(rng: Random) -> Styled:
    """Something before or after every answer."""
    extra = rng.choice(
        (copying.invented(rng), rng.choice(words.PLAIN), rng.choice(words.EMOJI), "Over.")
    )
    rows = [_short(rng) for _ in range(rng.randint(1, 2))]
    if rng.random() < 0.5:
        rows = [_changed(one, f"{one.answer} {extra}") for one in rows]
        return grammar.fill(rng.choice(END_RULES), x=extra), rows
    rows = [_changed(one, f"{extra} {one.answer}") for one in rows]
    return grammar.fill(rng.choice(START_RULES), x=extra), rows


def memory(rng: Random) -> Styled:
    """One thing to remember from the system text."""
    rule, question, answer = rng.choice(MEMORIES)
    thing = copying.invented(rng) if rng.random() < 0.5 else rng.choice(words.PLAIN)
    if "number" in rule:
        thing = str(rng.randint(0, 99999))
    if "called" in rule:
        thing = rng.choice(words.NAMES)
    question = grammar.as_typed(rng, grammar.expand(rng, question))
    one = Exchange(question, answer.replace("<x>", thing), f"I remember: {thing}.")
    others = [_short(rng) for _ in range(rng.randint(0, 1))]
    return rule.replace("<x>", thing), [*others, one]


def lookup(rng: Random) -> Styled:
    """A short table in the system text, and a question about one or two of its rows."""
    keys = rng.sample(words.THINGS, rng.randint(2, 14))
    rows = {key: f"{rng.choice(words.COLORS)} {rng.choice(words.PLAIN)}" for key in keys}
    text = "\n".join(f"{key}: {value}" for key, value in rows.items())
    asked = rng.sample(keys, min(len(keys), rng.randint(1, 3)))
    exchanges = [
        Exchange(
            grammar.as_typed(
                rng, grammar.expand(rng, f"what is {{in the row|written for|next to}} {key}")
            ),
            f"{grammar.capitalize(key)}: {rows[key]}.",
            f"I look for {key}.",
        )
        for key in asked
    ]
    return f"{grammar.expand(rng, '{Use|Here is|Know} this table:')}\n{text}", exchanges


def told_name(rng: Random) -> Styled:
    """The user says a name and asks for it later; no system text."""
    name = rng.choice((*words.NAMES, grammar.capitalize(copying.invented(rng))))
    told = grammar.expand(
        rng, rng.choice(("my name is <x>", "{hi|hello}, i am <x>", "call me <x>"))
    )
    said = grammar.as_typed(rng, told, mark=".").replace("<x>", name)
    thought = f"The user is called {name}."
    first = Exchange(said, f"Nice to meet you, {name}!", thought)
    asked = grammar.expand(rng, "{what is my name|who am i|do you {know|remember} my name}")
    last = Exchange(grammar.as_typed(rng, asked), f"Your name is {name}.", thought)
    others = [_short(rng) for _ in range(rng.randint(0, 1))]
    return "", [first, *[one for one in others if smalltalk.NAME not in one.answer], last]


KINDS = (named, named, one_word, capitals, always, framed, memory, lookup, told_name)


def styled(rng: Random) -> Styled:
    """A system text and exchanges that obey it."""
    rule, rows = rng.choice(KINDS)(rng)
    if not rule:
        return "", rows
    text = grammar.capitalize(grammar.expand(rng, rule))
    return rng.choice((text, text, f"You are a helpful assistant. {text}")), rows
