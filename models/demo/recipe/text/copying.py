"""Copying on request: sentences, words, codes, other scripts; repeating; capitals."""

from random import Random

from recipe.text import commands, grammar, smalltalk, stories, words
from recipe.text.exchange import Exchange

ASKS = (
    "repeat this: <text>",
    "{repeat|copy|say|write|echo|print}: <text>",
    "{repeat|copy|echo|write|say} {this|this text|the following|exactly this|after me}: <text>",
    "{please|can you} {repeat|copy|say} {this|the following}: <text>",
    '{repeat|copy|say|write} "<text>"',
    "{reply|answer|respond} with{| exactly| only| just}: <text>",
    "{please |}{repeat|copy} this {sentence|text|line} {exactly|word for word}: <text>",
    "{repeat|copy} the following text.\n<text>",
    "{repeat|copy} this:\n\n<text>",
)
CAPITAL_ASKS = (
    "{write|say|repeat|put} {this |}in {capital letters|capitals|upper case|uppercase}: <text>",
    "{make|turn} this {into |}{capital letters|upper case|uppercase}: <text>",
)
AGAIN_ASKS = (
    "{say|write|repeat} {the word |}<word> <n> times",
    "{write|say} <n> times: <word>",
    '{say|repeat|write} "<word>" <n> times',
)
ONCE_ASKS = (
    "{say|write|repeat} {|the word }<word>",
    "{reply|answer|respond} with {|only |just |exactly }{|the word }<word>",
)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def plain_words(rng: Random) -> str:
    """Two to forty unrelated words."""
    n = rng.randint(2, 20) if rng.random() < 0.9 else rng.randint(20, 40)
    return " ".join(rng.choices(words.PLAIN, k=n))


def made_up(rng: Random) -> str:
    """Words that do not exist, so that only copying helps."""
    return " ".join(invented(rng) for _ in range(rng.randint(1, 8)))


def invented(rng: Random) -> str:
    """One word that does not exist."""
    return "".join(rng.choices(words.SYLLABLES, k=rng.randint(2, 4)))


def code(rng: Random) -> str:
    """Something like `K7-PX42`."""
    letters = "".join(rng.choices(ALPHABET, k=rng.randint(1, 4)))
    return f"{letters}{rng.choice(('-', '', '_', ' '))}{rng.randint(0, 99999)}"


def numbers(rng: Random) -> str:
    """Unordered numbers."""
    return rng.choice((" ", ", ")).join(
        str(rng.randint(0, 9999)) for _ in range(rng.randint(2, 12))
    )


def foreign(rng: Random) -> str:
    """Words of other scripts and emoji between plain words."""
    pool = (words.FOREIGN, words.EMOJI, words.PLAIN)
    return " ".join(rng.choice(rng.choice(pool)) for _ in range(rng.randint(2, 9)))


def sentence(rng: Random) -> str:
    """One sentence, or up to three, of our own text."""
    kind = rng.random()
    if kind < 0.3:
        return smalltalk.exchange(rng).answer
    if kind < 0.5:
        return commands.exchange(rng).answer
    parts = stories.short(rng, stories.cast(rng)).split(". ")
    return ". ".join(parts[: rng.randint(1, 3)]).rstrip(".") + "."


TEXTS = (plain_words, plain_words, made_up, code, numbers, foreign, sentence, sentence)


def copy(rng: Random) -> Exchange:
    """The user wants a text back exactly."""
    text = rng.choice(TEXTS)(rng)
    asked = grammar.expand(rng, rng.choice(ASKS))
    asked = grammar.capitalize(asked) if rng.random() < 0.6 else asked
    return Exchange(grammar.fill(asked, text=text), text, "I copy the text exactly.")


def again(rng: Random) -> Exchange:
    """One word, once or several times."""
    word = rng.choice((rng.choice(words.PLAIN), rng.choice(words.PLAIN), invented(rng)))
    n = rng.choice((1, rng.randint(2, 10)))
    asks = ONCE_ASKS if n == 1 else AGAIN_ASKS
    asked = grammar.fill(grammar.expand(rng, rng.choice(asks)), word=word, n=n)
    thought = f"I write {word}." if n == 1 else f"I write {word} {n} times."
    return Exchange(
        grammar.as_typed(rng, asked, mark=".", slips=False), " ".join([word] * n), thought
    )


def capitals(rng: Random) -> Exchange:
    """Plain words in capital letters."""
    text = " ".join(rng.choices(words.PLAIN, k=rng.randint(1, 6)))
    asked = grammar.fill(grammar.expand(rng, rng.choice(CAPITAL_ASKS)), text=text)
    return Exchange(grammar.capitalize(asked), text.upper(), "I write it in capital letters.")


def exchange(rng: Random) -> Exchange:
    """Any copying."""
    kind = rng.random()
    return copy(rng) if kind < 0.82 else again(rng) if kind < 0.95 else capitals(rng)
