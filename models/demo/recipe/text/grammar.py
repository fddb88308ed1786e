"""Random expansion of `{a|b}` patterns and small spelling mistakes. Knows no topic."""

import re
from random import Random

CHOICE = re.compile(r"\{([^{}]*)\}")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SPELLINGS = {
    "api": "API",
    "cpu": "CPU",
    "cuda": "CUDA",
    "gguf": "GGUF",
    "gpu": "GPU",
    "json": "JSON",
}
SPELLINGS |= {"metal": "Metal", "mit": "MIT", "mlx": "MLX", "openai": "OpenAI", "sdk": "SDK"}
SPELLINGS |= {
    "sqlite": "SQLite",
    "tui": "TUI",
    "ui": "UI",
    "url": "URL",
    "prometheus": "Prometheus",
}


def expand(rng: Random, pattern: str) -> str:
    """Replaces every `{a|b|}` by one of its alternatives, innermost first."""
    while match := CHOICE.search(pattern):
        chosen = rng.choice(match[1].split("|"))
        pattern = pattern[: match.start()] + chosen + pattern[match.end() :]
    return " ".join(pattern.split(" "))


def fill(text: str, /, **values: object) -> str:
    """Puts values into `<name>` places, which `expand` leaves alone."""
    for name, value in values.items():
        text = text.replace(f"<{name}>", str(value))
    return text


def capitalize(text: str) -> str:
    """Raises the first letter only."""
    return text[:1].upper() + text[1:]


def article(noun: str) -> str:
    """The noun with `a` or `an` before it."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def join(items: list[str]) -> str:
    """`a`, `a and b`, or `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def misspell(rng: Random, text: str) -> str:
    """Drops, doubles, swaps or changes one letter inside one longer plain word."""
    words = text.split(" ")
    places = [i for i, word in enumerate(words) if len(word) > 3 and word.isalpha()]
    if not places:
        return text
    place = rng.choice(places)
    word = words[place]
    at = rng.randrange(1, len(word) - 1)
    words[place] = rng.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + rng.choice(LETTERS) + word[at + 1 :],
        )
    )
    return " ".join(words)


def spell_out(text: str) -> str:
    """Writes names and short forms the way their owners do."""
    return re.sub(r"[a-z]+", lambda word: SPELLINGS.get(word[0], word[0]), text)


def as_typed(rng: Random, text: str, *, mark: str = "?", slips: bool = True) -> str:
    """A sentence the way people type it: any case, any end, now and then a slip."""
    if slips and rng.random() < 0.08:
        text = misspell(rng, text)
    if rng.random() < 0.5:
        text = spell_out(text)
    if rng.random() < 0.6:
        text = capitalize(text).replace(" i ", " I ").replace("i'm", "I'm")
    ending = rng.random()
    return text + (mark if ending < 0.6 else "." if ending < 0.67 else "")
