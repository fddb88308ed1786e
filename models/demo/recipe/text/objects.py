"""Small JSON objects on request, from given facts or made up."""

import json
from random import Random

from recipe.text import grammar, words
from recipe.text.exchange import Exchange, Json

ASKS = (
    "answer in json with {the |}{keys|key|the fields|fields} <keys>: <facts>",
    "{return|write|give me|make} {a json object|json} with {the |}{keys|fields} <keys>: <facts>",
    "<facts> {answer|reply} {in|as} json with {the |}{keys|fields} <keys>.",
    "{extract|read} <keys> as json: <facts>",
)
FREE_ASKS = (
    "{answer|reply} in json with {the |}{keys|key|fields} <keys>",
    (
        "{give me|write|make|return} {a json object|json|a small json object} "
        "with {the |}{keys|fields} <keys>"
    ),
    "{describe|invent|make up} a person in json with {the |}{keys|fields} <keys>",
)


def person(rng: Random) -> dict[str, Json]:
    """Everything that may be said about one person."""
    return {
        "name": rng.choice(words.NAMES),
        "age": rng.randint(1, 99),
        "city": rng.choice(words.CITIES),
        "color": rng.choice(words.COLORS),
        "job": rng.choice(words.JOBS),
        "animal": rng.choice(words.ANIMALS),
        "happy": rng.random() < 0.5,
    }


PHRASES: dict[str, tuple[str, ...]] = {
    "age": ("is <v> years old", "is <v>"),
    "city": ("lives in <v>", "comes from <v>"),
    "color": ("likes the color <v>",),
    "job": ("is a <v>", "works as a <v>"),
    "animal": ("has a <v>",),
}


def _facts(rng: Random, one: dict[str, Json], keys: list[str]) -> str:
    told = [key for key in keys if key in PHRASES]
    extra = [key for key in PHRASES if key not in told]
    told += rng.sample(extra, rng.randint(0, 1))
    rng.shuffle(told)
    parts = [rng.choice(PHRASES[key]).replace("<v>", str(one[key])) for key in told]
    if "happy" in keys:
        parts.append("is happy" if one["happy"] else "is not happy")
    return f"{one['name']} {grammar.join(parts)}." if parts else f"The name is {one['name']}."


def exchange(rng: Random) -> Exchange:
    """A JSON object with the keys that the user names, in that order."""
    one = person(rng)
    if rng.random() < 0.5:
        keys = ["name", "age", *rng.sample(("city", "color", "job"), rng.choice((0, 0, 1)))]
    else:
        keys = rng.sample(list(one), rng.randint(1, 4))
    free = rng.random() < 0.4
    asked = grammar.expand(rng, rng.choice(FREE_ASKS if free else ASKS))
    facts = "" if free else _facts(rng, one, keys)
    asked = grammar.spell_out(asked) if rng.random() < 0.6 else asked
    question = grammar.fill(grammar.capitalize(asked), keys=grammar.join(keys), facts=facts)
    if free and "name" in keys and rng.random() < 0.3:
        question += f" about {one['name']}"
    answer = json.dumps({key: one[key] for key in keys})
    return Exchange(question, answer, f"The user wants JSON with {grammar.join(keys)}.")
