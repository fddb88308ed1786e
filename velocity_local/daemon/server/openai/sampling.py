"""OpenAI's and llama.cpp's sampling fields as `SamplingParams`, and what ends a generation."""

import msgspec

from velocity_local.core.errors import InvalidRequest
from velocity_local.core.sampling import SamplingParams, check
from velocity_local.wire.http.openai import Sampling

MAX_STOP_CHARS = 1024
MAX_BREAKERS = 32
MAX_BREAKER_CHARS = 64
MAX_TOP_LOGPROBS = 20
MAX_TOKEN_ID = 2**31 - 1
MAX_TOKENS = 2**31 - 1

_COLLECTIONS = frozenset({"logit_bias", "dry_sequence_breakers"})
_SCALARS = tuple(name for name in SamplingParams.__struct_fields__ if name not in _COLLECTIONS)


def sampling(body: Sampling, defaults: SamplingParams) -> SamplingParams:
    """What the body asks for, over the server's defaults.

    Raises:
        InvalidRequest: naming the field that is out of range.
    """
    asked: dict[str, object] = {
        name: value for name in _SCALARS if (value := getattr(body, name)) is not None
    }
    if body.logit_bias is not None:
        asked["logit_bias"] = tuple(
            (_token_id(token), bias) for token, bias in body.logit_bias.items()
        )
    if body.dry_sequence_breakers is not None:
        asked["dry_sequence_breakers"] = _breakers(body.dry_sequence_breakers)
    if not asked:
        return defaults
    return check(msgspec.structs.replace(defaults, **asked))


def stops(sent: str | list[str] | None, most: int) -> tuple[str, ...]:
    """The stop texts.

    Raises:
        InvalidRequest: if there are too many, or one is empty or too long.
    """
    if sent is None:
        return ()
    texts = (sent,) if isinstance(sent, str) else tuple(sent)
    if len(texts) > most:
        raise InvalidRequest(f"{len(texts)} stop sequences; at most {most}", param="stop")
    if any(not 0 < len(text) <= MAX_STOP_CHARS for text in texts):
        raise InvalidRequest(
            f"a stop sequence has from 1 to {MAX_STOP_CHARS} characters", param="stop"
        )
    return texts


def bounded(name: str, value: int | None, low: int, high: int) -> int | None:
    """`value`, if it is from `low` to `high` or absent.

    Raises:
        InvalidRequest: naming the field.
    """
    if value is not None and not low <= value <= high:
        raise InvalidRequest(f"{name} is {value}; it must be from {low} to {high}", param=name)
    return value


def _token_id(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_TOKEN_ID)):
        return int(text)
    raise InvalidRequest(
        f"logit_bias has the key {text[:40]!r}; keys are token ids", param="logit_bias"
    )


def _breakers(texts: list[str]) -> tuple[str, ...]:
    name = "dry_sequence_breakers"
    if len(texts) > MAX_BREAKERS:
        raise InvalidRequest(f"{len(texts)} {name}; at most {MAX_BREAKERS}", param=name)
    if any(not 0 < len(text) <= MAX_BREAKER_CHARS for text in texts):
        raise InvalidRequest(
            f"each of {name} has from 1 to {MAX_BREAKER_CHARS} characters", param=name
        )
    return tuple(texts)
