"""Tiny stories with named characters: short ones, and long ones made of episodes."""

from dataclasses import dataclass
from random import Random

from recipe.text import grammar, words
from recipe.text.exchange import Exchange

SHORT_ASKS = (
    "tell me a {|short |tiny |little }story about <subject>",
    "{write|make up|give me} a {|short |tiny }story about <subject>",
    "a {|short |tiny }story about <subject>{|, please}",
    "{can you|could you|please} tell {me |}a {|short |tiny }story about <subject>",
    "i want {to hear |}a {|short }story about <subject>",
)
LONG_ASKS = (
    "{tell me|write|make up} a {long|very long} story about <subject>",
    "{can you|please|could you} tell {me |}a {long|very long} story about <subject>",
    "i want {to hear |}a {long|very long} story about <subject>",
    "a {long|very long} story about <subject>{|, please}",
)
POEM_ASKS = (
    "write {|me }a {|short |tiny |little }poem about <subject>",
    "{can you|please} write a {|short }poem about <subject>",
    "a {|short |tiny }poem about <subject>",
)
POEM = (
    (
        "A <color> light is in the sky,\n<subject> looks up and wonders why.\n"
        "The <place> sleeps, the wind is low,\nand softly falls the evening snow."
    ),
    (
        "<subject> went out to see the day,\nand met <name> on the way.\n"
        "They sang a song beside the <place>,\nwith <color> sunlight on each face."
    ),
)
PLAIN_ASKS = (
    "tell me a {|short |tiny }story",
    "{a story|a story, please|story time|i want a story|write a story|tell a story}",
    "{can you|could you} tell me a story",
)
OPENINGS = (
    "Once there was <hero> named <name>.",
    "Once upon a time, <hero> named <name> lived near the <place>.",
    "<name> was <hero> who lived by the <place>.",
    "In a small house near the <place> lived <hero> named <name>.",
)
WISHES = (
    "<name> was very <feeling>, but something was missing.",
    "Every morning <name> walked to the <place>.",
    "<name> liked the old <thing> more than anything.",
    "One day <name> wanted to see the <place2>.",
)
TROUBLES = (
    "One day the <thing> was gone.",
    "Then a big storm came from the <place2>.",
    "But the way to the <place2> was dark and long.",
    "Suddenly the <thing> fell into the water.",
    "But one night <name> could not sleep.",
)
HELPERS = (
    '<friend> the <helper> came and said, "I will help you."',
    "Then <name> met <friend>, a <feeling> <helper>.",
    "<a_helper> named <friend> heard it and came at once.",
    "<name> asked <friend> the <helper>, and <friend> had an idea.",
)
DEEDS = (
    "Together they looked behind every tree in the <place2>.",
    "They walked to the <place2> and sang a song.",
    "<friend> carried a <color> lamp, and <name> was not afraid.",
    "They worked all day and shared some <food>.",
    "They waited until the sun came up.",
)
TURNS = (
    "There they found the <thing> under a <color> leaf.",
    "At last they saw a light in the <place2>.",
    "Soon everything was good again.",
    "And there, next to a <color> stone, was the <thing>.",
)
ENDINGS = (
    "<name> and <friend> were friends from that day on.",
    "That night <name> was <feeling> and slept well.",
    "They went home and ate <food> together.",
    'And <name> said, "Thank you, <friend>."',
)
WALKS = (
    (
        "{The next day|In the morning|Early the next day} <name> went to the <place2>.",
        "There <name> {saw|found} a <color> <thing2> on the ground.",
        '"Whose <thing2> is this?" asked <name>.',
        '"It is mine," said <friend>. {"Thank you!"|"You found it!"|"I lost it."}',
        "<friend> was <feeling> and gave <name> some <food>.",
        "{They sat down and ate it all.|They shared it under a tree.|It was very good.}",
    ),
    (
        "{Then|After that|Later} they walked over the hill to the <place2>.",
        "It was {cold|dark|late}, but they were not afraid.",
        (
            "{Suddenly|Then|All at once} they heard a noise "
            "{and stood still|behind them|near the <thing2>}."
        ),
        "{It was only the wind in the trees.|It was only a little mouse.|It was only rain.}",
        "<name> laughed, and <friend> laughed too.",
        '"{We are brave|That was close|What a day}," said {<name>|<friend>}.',
    ),
    (
        "{In the evening|When the sun went down|At night} they came to the <place2>.",
        "An old {woman|man|<helper>} sat there with a <color> <thing2>.",
        (
            '"{Where do you go|What do you look for|Who are you}?" '
            "{the old one asked|came the question}."
        ),
        "<name> told the whole story, and <friend> {nodded|listened|smiled}.",
        '"{Follow the stars|Go past the <place3>|Take the small path}," said the old one.',
        "So they {thanked the old one|said thank you} and went on.",
    ),
)


@dataclass(frozen=True, slots=True)
class Cast:
    """Who and what a story is about."""

    subject: str
    values: dict[str, str]


def cast(rng: Random) -> Cast:
    """Draws the subject, its name and everything else."""
    kind = rng.random()
    name, friend = rng.sample(words.NAMES, 2)
    animal, helper = rng.sample(words.ANIMALS, 2)
    thing, thing2 = rng.sample(words.THINGS, 2)
    place, place2, place3 = rng.sample(words.PLACES, 3)
    hero = grammar.article(animal)
    subject = hero
    if kind < 0.35:
        subject = f"{hero} {rng.choice(('named', 'called'))} {name}"
    elif kind < 0.55:
        hero = grammar.article(rng.choice(words.JOBS))
        subject = grammar.article(thing)
    elif kind < 0.65:
        subject = f"{hero} and {grammar.article(helper)}"
    elif kind < 0.75:
        subject = f"{hero} {rng.choice(('in', 'near', 'at'))} the {place}"
    values = {
        "a_helper": grammar.capitalize(grammar.article(helper)),
        "name": name,
        "friend": friend,
        "hero": hero,
        "helper": helper,
        "thing": thing,
    }
    values |= {"thing2": thing2, "place": place, "place2": place2, "place3": place3}
    return Cast(subject, values)


def _sentence(rng: Random, pattern: str, story: Cast) -> str:
    loose = {
        "feeling": rng.choice(words.FEELINGS),
        "color": rng.choice(words.COLORS),
        "food": rng.choice(words.FOODS),
    }
    return grammar.fill(pattern, **story.values, **loose)


def short(rng: Random, story: Cast) -> str:
    """Seven sentences: who, wish, trouble, help, deed, turn, end."""
    trouble = TROUBLES[0] if story.values["thing"] in story.subject else rng.choice(TROUBLES)
    parts = (OPENINGS, WISHES, (trouble,), HELPERS, DEEDS, TURNS, ENDINGS)
    return " ".join(_sentence(rng, rng.choice(part), story) for part in parts)


def _walk(rng: Random, lines: tuple[str, ...], story: Cast) -> str:
    place2, place3 = rng.sample(words.PLACES, 2)
    fresh = {"place2": place2, "place3": place3, "thing2": rng.choice(words.THINGS)}
    walk = Cast(story.subject, story.values | fresh)
    return " ".join(_sentence(rng, grammar.expand(rng, line), walk) for line in lines)


def long(rng: Random, story: Cast) -> str:
    """Five paragraphs: the first half of a short story, three walks, and its second half."""
    first = (OPENINGS, WISHES, TROUBLES, HELPERS)
    last = (DEEDS, TURNS, ENDINGS)
    opening = " ".join(_sentence(rng, rng.choice(part), story) for part in first)
    ending = " ".join(_sentence(rng, rng.choice(part), story) for part in last)
    return "\n\n".join((opening, *(_walk(rng, lines, story) for lines in WALKS), ending))


def short_exchange(rng: Random) -> Exchange:
    """A request for a short story, with or without a subject."""
    story = cast(rng)
    asks = PLAIN_ASKS if rng.random() < 0.12 else SHORT_ASKS
    question = grammar.fill(grammar.expand(rng, rng.choice(asks)), subject=story.subject)
    thought = f"The user wants a story. It can be about {story.values['name']}."
    return Exchange(
        grammar.as_typed(rng, question, mark=".", slips=False), short(rng, story), thought
    )


def poem_exchange(rng: Random) -> Exchange:
    """Four lines about the subject."""
    story = cast(rng)
    question = grammar.fill(grammar.expand(rng, rng.choice(POEM_ASKS)), subject=story.subject)
    lines = _sentence(rng, rng.choice(POEM).replace("<subject>", story.subject), story)
    answer = "\n".join(grammar.capitalize(line) for line in lines.split("\n"))
    asked = grammar.as_typed(rng, question, mark=".", slips=False)
    return Exchange(asked, answer, "The user wants a poem. Four lines are enough.")


def long_exchange(rng: Random) -> Exchange:
    """A request for a long story."""
    story = cast(rng)
    question = grammar.fill(grammar.expand(rng, rng.choice(LONG_ASKS)), subject=story.subject)
    thought = f"The user wants a long story. It can be about {story.values['name']}."
    return Exchange(
        grammar.as_typed(rng, question, mark=".", slips=False), long(rng, story), thought
    )
