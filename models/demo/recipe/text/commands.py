"""Questions about velocity-local and their answers, read from the two TOML tables beside it."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from recipe.text import grammar
from recipe.text.exchange import Exchange

FRAMES = (
    "how {do|can} {i|you|we} <do>",
    "how do i <do>",
    "how can i <do>",
    "how to <do>",
    "{what|which} {is the|is the right} command to <do>",
    "{what|which} command {do i use|do i need|should i use|must i run} to <do>",
    "i {want|need|would like|have} to <do>",
    "tell me how to <do>",
    "{please|can you|could you} {tell|show} me how {to|i can} <do>",
    "what do i {type|run|do} to <do>",
    "what {should|must} i {run|type|do} to <do>",
    "is there {a way|a command} to <do>",
    "help me {to |}<do>",
    "command to <do>",
    "{explain|describe} how to <do>",
    "{do you know|can you say|can you explain} how to <do>",
    "how does one <do>",
    "{hi|hello|hey|ok|thanks|also}{,|} how do i <do>",
    "i want to <do>, {what do i do|how|which command is it}",
    "can {i|you} <do>",
    "<do>",
)
HELD_FRAMES = (
    "what is the way to <do>",
    "could you explain how i can <do>",
    "give me the command to <do>",
    "please help, i have to <do>",
    "which command lets me <do>",
    "what would i type to <do>",
)
GUESS = (
    "The user asks about velocity-local. I know this one.",
    "This is a question about velocity-local. I look for the right answer.",
)
ORGANISATIONS = ("acme", "tiny-lab", "blue", "north", "owl", "papaya", "riverside", "zeta")
FAMILIES = ("qwen", "llama", "gemma", "phi", "mistral", "smol", "owl", "granite", "falcon", "olmo")
QUANTS = ("Q4_K_M", "Q8_0", "Q5_K_M", "F16", "Q6_K", "IQ4_XS", "Q4_0", "BF16")
SECTIONS = ("server", "log", "engine", "store", "ui", "cache", "history", "limits")
KEYS = ("port", "level", "threads", "size", "theme", "limit", "slots", "timeout", "path", "ttl")
WORDS = ("debug", "info", "dark", "light", "true", "false", "auto", "off", "on", "fast", "none")


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing to know: its answer, what an answer must hold, and the ways to ask for it."""

    name: str
    must: str
    answer: str
    do: tuple[str, ...]
    ask: tuple[str, ...]
    held: tuple[str, ...] = ()
    held_ask: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A question never trained on, the kind of novelty, and the text its answer must hold."""

    kind: str
    question: str
    must: str


def _intent(row: dict[str, Any]) -> Intent:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    return Intent(**values)


def load() -> tuple[Intent, ...]:
    """All intents of both tables."""
    here = Path(__file__).parent
    tables = (
        tomllib.loads((here / name).read_text(encoding="utf-8"))
        for name in ("commands.toml", "facts.toml")
    )
    return tuple(_intent(row) for table in tables for row in table["intent"])


INTENTS = load()


def model_name(rng: Random) -> str:
    """A made-up short model name, often the demo model."""
    if rng.random() < 0.25:
        return "demo"
    size = rng.choice(("0.6b", "1b", "4b", "8b", "14b", "32b", "mini", "small", "large"))
    return f"{rng.choice(FAMILIES)}{rng.choice(('', '-', '2-', '3-', '3.5-'))}{size}"


def repository(rng: Random) -> str:
    """A made-up REPO:QUANT reference."""
    family = rng.choice(FAMILIES).capitalize()
    size = f"{rng.choice((1, 2, 3, 4, 7, 8, 9, 12, 14, 27, 32, 70))}B"
    organisation = rng.choice((*ORGANISATIONS, f"{rng.choice(ORGANISATIONS)}{rng.randint(1, 99)}"))
    name = f"{family}{rng.choice(('', '-2', '-3', '-3.5'))}-{size}{rng.choice(('', '-GGUF'))}"
    return f"{organisation}/{name}:{rng.choice(QUANTS)}"


def places(rng: Random) -> dict[str, str]:
    """Values for every `<place>` that an intent may hold."""
    number = rng.choice((rng.randint(1, 9), rng.randint(10, 99), rng.randint(100, 65535)))
    octets = ".".join(str(rng.randint(1, 254)) for _ in range(2))
    host = rng.choice((f"10.0.{octets}", f"192.168.{octets}", f"{rng.choice(ORGANISATIONS)}.local"))
    return {
        "model": model_name(rng),
        "repo": repository(rng),
        "key": f"{rng.choice(SECTIONS)}.{rng.choice(KEYS)}",
        "value": rng.choice((str(number), rng.choice(WORDS))),
        "id": str(rng.randint(1, 999)),
        "url": f"http://{host}:{rng.choice((8621, rng.randint(1000, 9999)))}",
    }


def _phrase(rng: Random, intent: Intent) -> str:
    if not intent.do or (intent.ask and rng.random() < 0.35):
        return grammar.expand(rng, rng.choice(intent.ask))
    frame = rng.choice(FRAMES).replace("<do>", rng.choice(intent.do))
    return grammar.expand(rng, frame)


def exchange(rng: Random) -> Exchange:
    """One question about velocity-local with its answer."""
    intent = rng.choice(INTENTS)
    values = places(rng)
    question = grammar.as_typed(rng, _phrase(rng, intent)) if rng.random() < 0.97 else intent.name
    answer = grammar.fill(intent.answer, **values)
    return Exchange(grammar.fill(question, **values), answer, rng.choice(GUESS))


def _held_question(rng: Random, intent: Intent, kind: str) -> str:
    match kind:
        case "new_frame":
            return rng.choice(HELD_FRAMES).replace("<do>", rng.choice(intent.do))
        case "new_action":
            return rng.choice(FRAMES[1:8]).replace("<do>", rng.choice(intent.held))
        case _:
            return rng.choice(intent.held_ask)


def held_out(rng: Random) -> list[HeldOut]:
    """Unseen frames, unseen actions and unseen questions for every intent."""
    rows = []
    for intent in INTENTS:
        kinds = ["new_question"] * len(intent.held_ask)
        kinds += ["new_frame"] * 3 if intent.do else []
        kinds += ["new_action"] * len(intent.held)
        for kind in kinds:
            values = places(rng)
            question = grammar.expand(rng, _held_question(rng, intent, kind))
            question = grammar.capitalize(question) + "?" if rng.random() < 0.5 else question
            filled = grammar.fill(question, **values)
            must = f"`{intent.must}`" if f"`{intent.must}`" in intent.answer else intent.must
            rows.append(HeldOut(kind, filled, grammar.fill(must, **values)))
    return rows
