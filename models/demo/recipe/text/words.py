"""Names and nouns that the generators share, read from words.toml. Values only."""

import tomllib
from pathlib import Path

_LISTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

NAMES = tuple(_LISTS["names"].split())
ANIMALS = tuple(_LISTS["animals"].split())
THINGS = tuple(_LISTS["things"].split())
COLORS = tuple(_LISTS["colors"].split())
PLACES = tuple(_LISTS["places"].split())
FEELINGS = tuple(_LISTS["feelings"].split())
JOBS = tuple(_LISTS["jobs"].split())
CITIES = tuple(_LISTS["cities"].split())
FOODS = tuple(_LISTS["foods"].split())
PLAIN = tuple(_LISTS["plain"].split())
SYLLABLES = tuple(_LISTS["syllables"].split())
FOREIGN = tuple(_LISTS["foreign"].split())
EMOJI = tuple(_LISTS["emoji"].split())
