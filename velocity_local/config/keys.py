"""The names and types of all settings, as `section.key`, and how a value is checked for one."""

import difflib
import math
import typing
from typing import Any

import msgspec

from velocity_local.config.errors import ConfigError
from velocity_local.config.settings import Settings
from velocity_local.core.errors import InvalidRequest
from velocity_local.core.sampling import SamplingParams, check

SECTIONS: dict[str, type[msgspec.Struct]] = {
    field.name: field.type for field in msgspec.structs.fields(Settings)
}
TYPES: dict[str, Any] = {
    f"{section}.{field.name}": field.type
    for section, struct in SECTIONS.items()
    for field in msgspec.structs.fields(struct)
}


def known(key: str, place: str) -> str:
    """`key`, if there is such a setting.

    Raises:
        ConfigError: naming `place`, the key and the nearest valid one.
    """
    if key not in TYPES:
        raise ConfigError(f"{place}: {unknown(key)}")
    return key


def unknown(key: str) -> str:
    """What to say of a name that is no setting."""
    near = difflib.get_close_matches(key, [*TYPES, *SECTIONS], n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else f"; the sections are {', '.join(SECTIONS)}"
    return f"{key} is no setting{hint}"


def convert(key: str, value: object) -> object:
    """`value` in the type of `key`.

    Raises:
        ConfigError: saying what is expected, if it has another type or is out of range.
    """
    return _converted(key, value, strict=True)


def parse(key: str, text: str) -> object:
    """The value that `text` stands for in the type of `key`, as in a variable or a flag.

    Raises:
        ConfigError: saying what is expected, if it is none.
    """
    is_list = typing.get_origin(TYPES[key]) is tuple
    return _converted(key, _split(key, text) if is_list else text, strict=False)


def _converted(key: str, value: object, *, strict: bool) -> object:
    try:
        result = msgspec.convert(value, TYPES[key], strict=strict)
        _check_finite(result)
        _check_sampling(key, result)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{key} is {value!r}; {_expected(key, error)}") from error
    except InvalidRequest as error:
        raise ConfigError(f"{key}: {error.message}") from error
    return result


def _expected(key: str, error: msgspec.ValidationError) -> str:
    if typing.get_origin(TYPES[key]) is typing.Literal:
        return f"it must be one of {', '.join(typing.get_args(TYPES[key]))}"
    return str(error)[0].lower() + str(error)[1:]


def _check_finite(value: object) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise msgspec.ValidationError("Expected a finite number")


def _check_sampling(key: str, value: object) -> None:
    section, name = key.split(".")
    if SECTIONS[section] is SamplingParams:
        check(msgspec.structs.replace(SamplingParams(), **{name: value}))


def _split(key: str, text: str) -> object:
    if not text.startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{key} is {text!r}, which is not a JSON list: {error}") from error
