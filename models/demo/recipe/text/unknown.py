"""Questions outside the small domain, and the honest answer to all of them."""

import tomllib
from pathlib import Path
from random import Random

from recipe.text import copying, grammar, words
from recipe.text.exchange import Exchange

ANSWER = (
    "I am a tiny demo model, so I do not know that. "
    "I only know velocity-local, small talk and tiny stories."
)
THOUGHT = "I do not know this. I say so."
_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
TOPICS = tuple(_TABLE["topics"])
WORKS = tuple(_TABLE["works"])
FRAMES = tuple(_TABLE["frames"])


def exchange(rng: Random) -> Exchange:
    """Something that the model cannot know."""
    question = grammar.fill(
        grammar.expand(rng, rng.choice(FRAMES)),
        topic=rng.choice(TOPICS),
        work=rng.choice(WORKS),
        city=rng.choice(words.CITIES),
        plain=rng.choice(words.PLAIN),
        made=copying.invented(rng),
        name=rng.choice(words.NAMES),
        year=rng.randint(1200, 2030),
        number=rng.randint(13, 9999),
    )
    return Exchange(grammar.as_typed(rng, question), ANSWER, THOUGHT)
