"""Messages, parts, tools and options have every field that the official client can send."""

import msgspec
import pytest
from openai.types import chat, shared_params
from openai.types.chat import (
    chat_completion_assistant_message_param,
    chat_completion_content_part_image_param,
    chat_completion_content_part_input_audio_param,
    chat_completion_content_part_param,
    chat_completion_content_part_text_param,
    completion_create_params,
)

from tests.contract.openai.samples import BASES
from tests.support.asgi import Answer, call
from tests.support.scripted import Stage
from velocity_local.wire.http import openai
from velocity_local.wire.http import openai_messages as ours

PAIRS: list[tuple[type, type[msgspec.Struct]]] = [
    (chat.ChatCompletionSystemMessageParam, ours.SystemMessage),
    (chat.ChatCompletionDeveloperMessageParam, ours.DeveloperMessage),
    (chat.ChatCompletionUserMessageParam, ours.UserMessage),
    (chat.ChatCompletionAssistantMessageParam, ours.AssistantMessage),
    (chat.ChatCompletionToolMessageParam, ours.ToolMessage),
    (chat.ChatCompletionFunctionMessageParam, ours.FunctionMessage),
    (chat_completion_assistant_message_param.Audio, ours.AudioReference),
    (chat_completion_assistant_message_param.FunctionCall, ours.FunctionCall),
    (chat.ChatCompletionContentPartTextParam, ours.TextPart),
    (chat.ChatCompletionContentPartRefusalParam, ours.RefusalPart),
    (chat.ChatCompletionContentPartImageParam, ours.ImagePart),
    (chat_completion_content_part_image_param.ImageURL, ours.ImageUrl),
    (chat.ChatCompletionContentPartInputAudioParam, ours.AudioPart),
    (chat_completion_content_part_input_audio_param.InputAudio, ours.InputAudio),
    (chat_completion_content_part_param.File, ours.FilePart),
    (chat_completion_content_part_param.FileFile, ours.FileReference),
    (chat_completion_content_part_text_param.PromptCacheBreakpoint, ours.CacheBreakpoint),
    (chat.ChatCompletionMessageFunctionToolCallParam, ours.FunctionToolCall),
    (chat.ChatCompletionMessageCustomToolCallParam, ours.CustomToolCall),
    (chat.ChatCompletionFunctionToolParam, ours.FunctionTool),
    (chat.ChatCompletionCustomToolParam, ours.CustomTool),
    (shared_params.FunctionDefinition, ours.FunctionDefinition),
    (chat.ChatCompletionNamedToolChoiceParam, ours.NamedChoice),
    (chat.ChatCompletionNamedToolChoiceCustomParam, ours.NamedCustomChoice),
    (chat.ChatCompletionAllowedToolChoiceParam, ours.AllowedChoice),
    (chat.ChatCompletionAllowedToolsParam, ours.AllowedTools),
    (chat.ChatCompletionStreamOptionsParam, openai.StreamOptions),
    (chat.ChatCompletionPredictionContentParam, openai.Prediction),
    (shared_params.ResponseFormatText, openai.TextFormat),
    (shared_params.ResponseFormatJSONObject, openai.JsonObjectFormat),
    (shared_params.ResponseFormatJSONSchema, openai.JsonSchemaFormat),
    (shared_params.response_format_json_schema.JSONSchema, openai.JsonSchema),
    (completion_create_params.Function, openai.LegacyFunction),
    (completion_create_params.PromptCacheOptions, openai.PromptCacheOptions),
]


@pytest.mark.parametrize(("official", "struct"), PAIRS, ids=[s.__name__ for _, s in PAIRS])
def test_every_nested_field_is_known(official: type, struct: type[msgspec.Struct]) -> None:
    known = set(struct.__struct_fields__) | {struct.__struct_config__.tag_field}
    assert official.__annotations__
    assert set(official.__annotations__) <= known
    assert struct.__struct_config__.forbid_unknown_fields


async def ask(**fields: object) -> Answer:
    path = "/v1/chat/completions"
    body = msgspec.json.encode({**BASES[path], **fields})
    return await call(Stage().app(), "POST", path, body=body)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:,", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
        {"type": "file", "file": {"file_id": "a"}},
    ],
)
async def test_parts_that_are_no_text_are_refused_by_kind(part: dict[str, object]) -> None:
    answer = await ask(messages=[{"role": "user", "content": [part]}])
    assert answer.error["code"] == "unsupported_parameter"
    assert answer.error["param"] == "messages[0].content[0]"
    assert str(part["type"]) in answer.error["message"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("audio", {"id": "a"}), ("function_call", {"name": "a", "arguments": ""})],
)
async def test_answers_of_other_kinds_are_refused(field: str, value: object) -> None:
    message = {"role": "assistant", "content": "a", field: value}
    answer = await ask(messages=[message, {"role": "user", "content": "b"}])
    assert answer.error["param"] == f"messages[0].{field}"


async def test_cache_marks_and_annotations_have_no_effect() -> None:
    part = {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}
    said = {"role": "assistant", "content": "b", "annotations": [{"type": "url_citation"}]}
    answer = await ask(messages=[{"role": "user", "content": [part]}, said])
    assert answer.status == 200
