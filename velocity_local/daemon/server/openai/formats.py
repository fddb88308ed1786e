"""What a body asks its answer to be: OpenAI's response_format, llama.cpp's and vLLM's fields."""

from typing import Any

import msgspec

from velocity_local.core.errors import InvalidRequest
from velocity_local.core.formats import (
    AnswerFormat,
    ChoiceFormat,
    GrammarFormat,
    JsonFormat,
    RegexFormat,
)
from velocity_local.wire.http.openai import (
    ChatCompletionRequest,
    JsonObjectFormat,
    JsonSchemaFormat,
    Sampling,
    StructuredOutputs,
)

MAX_CHOICES = 1024
MAX_CHOICE_CHARS = 4096
_ANY_OBJECT = {"type": "object"}
Schema = dict[str, Any] | bool


def answer_format(body: Sampling) -> AnswerFormat | None:
    """The format, if the body names one.

    Raises:
        InvalidRequest: if it names several, or one that is not well-formed.
    """
    found = [each for each in (_of_response_format(body), *_extensions(body)) if each is not None]
    if len(found) > 1:
        raise InvalidRequest(
            f"{found[0].param} and {found[1].param} each ask for a format; send one of them",
            param=found[1].param,
        )
    return found[0] if found else None


def _of_response_format(body: Sampling) -> AnswerFormat | None:
    sent = body.response_format if isinstance(body, ChatCompletionRequest) else None
    match sent:
        case JsonObjectFormat():
            return JsonFormat(param="response_format", schema=sent.schema or _ANY_OBJECT)
        case JsonSchemaFormat():
            if sent.json_schema.schema is None:
                raise InvalidRequest(
                    "response_format.json_schema has no schema", param="response_format"
                )
            param = "response_format.json_schema.schema"
            return JsonFormat(param=param, schema=sent.json_schema.schema)
        case _:
            return None


def _extensions(body: Sampling) -> list[AnswerFormat]:
    found: list[AnswerFormat] = []
    if body.grammar is not None:
        found.append(_grammar(body.grammar, "grammar"))
    if body.json_schema is not None:
        found.append(JsonFormat(param="json_schema", schema=body.json_schema))
    if body.structured_outputs is not None:
        found += _structured(body.structured_outputs)
    return found


def _structured(sent: StructuredOutputs) -> list[AnswerFormat]:
    name = "structured_outputs"
    found: list[AnswerFormat] = []
    if sent.json is not None:
        found.append(_json(sent.json, f"{name}.json"))
    if sent.regex is not None:
        if not sent.regex:
            raise InvalidRequest(f"{name}.regex is empty", param=f"{name}.regex")
        found.append(RegexFormat(param=f"{name}.regex", pattern=sent.regex))
    if sent.choice is not None:
        found.append(_choice(sent.choice, f"{name}.choice"))
    if sent.grammar is not None:
        found.append(_grammar(sent.grammar, f"{name}.grammar"))
    if sent.json_object:
        found.append(JsonFormat(param=f"{name}.json_object", schema=_ANY_OBJECT))
    if not found:
        raise InvalidRequest(f"{name} names no format", param=name)
    return found


def _json(sent: Schema | str, param: str) -> JsonFormat:
    """A schema, or as vLLM has it, the text of one."""
    if not isinstance(sent, str):
        return JsonFormat(param=param, schema=sent)
    try:
        return JsonFormat(param=param, schema=msgspec.json.decode(sent, type=Schema))
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidRequest(f"{param} is no JSON Schema: {error}", param=param) from error


def _grammar(sent: str, param: str) -> GrammarFormat:
    if not sent.strip():
        raise InvalidRequest(f"{param} is empty", param=param)
    return GrammarFormat(param=param, source=sent)


def _choice(sent: list[str], param: str) -> ChoiceFormat:
    if not 0 < len(sent) <= MAX_CHOICES:
        raise InvalidRequest(f"{param} has from 1 to {MAX_CHOICES} texts", param=param)
    if any(not 0 < len(text) <= MAX_CHOICE_CHARS for text in sent):
        raise InvalidRequest(
            f"each text of {param} has from 1 to {MAX_CHOICE_CHARS} characters", param=param
        )
    return ChoiceFormat(param=param, texts=tuple(sent))
