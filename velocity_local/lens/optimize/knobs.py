"""What may be turned: settings of the daemon, each with the values to choose from."""

import json
from collections.abc import Iterable, Mapping

import msgspec

Value = str | int | float | bool | None
Chosen = Mapping[str, Value]
MAX_CHOICES = 64


class Knob(msgspec.Struct, frozen=True):
    """A setting, as in `engine.n_batch`, and its values."""

    setting: str
    choices: tuple[Value, ...]


class BadKnob(ValueError):
    """A text that is no knob; the message shows it and says what is wrong."""


def parse_knob(text: str) -> Knob:
    """The knob written as `engine.n_batch=128,256,512`; values are JSON, or else texts.

    Raises:
        BadKnob: if it is none.
    """
    setting, sign, listed = text.partition("=")
    choices = tuple(_value(part.strip()) for part in listed.split(",") if part.strip())
    if not sign or "." not in setting or not choices:
        raise BadKnob(f"{text!r} is no knob; write one like engine.n_batch=128,256,512")
    if len(choices) > MAX_CHOICES or len(set(map(repr, choices))) < len(choices):
        raise BadKnob(f"{text!r}: give up to {MAX_CHOICES} values, each once")
    return Knob(setting.strip(), choices)


def default_knobs(n_cores: int) -> tuple[Knob, ...]:
    """What usually matters on a machine with that many cores."""
    threads = sorted({1, max(n_cores // 2, 1), max(n_cores - 1, 1), n_cores})
    return (
        Knob("engine.n_batch", (128, 256, 512, 1024, 2048)),
        Knob("engine.n_threads", tuple(threads)),
        Knob("engine.n_seq_max", (4, 16, 64)),
        Knob("engine.kv_type", ("f16", "q8_0")),
        Knob("engine.speculation", ("off", "auto", "on")),
    )


def check_distinct(knobs: Iterable[Knob]) -> None:
    """Raises BadKnob if a setting is there twice."""
    names = [knob.setting for knob in knobs]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise BadKnob(f"{', '.join(sorted(twice))} is given twice; write all its values in one")


def n_settings(knobs: Iterable[Knob]) -> int:
    """How many combinations there are."""
    total = 1
    for knob in knobs:
        total *= len(knob.choices)
    return total


def flags(chosen: Chosen) -> list[str]:
    """As the daemon takes them: `--set engine.n_batch=256`."""
    return [
        part
        for name, value in chosen.items()
        for part in ("--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}")
    ]


def _value(text: str) -> Value:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str | int | float | bool) or value is None else text
