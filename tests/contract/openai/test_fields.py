"""The table of fields is complete against the official client, and every row is true."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from openai.types import completion_create_params, embedding_create_params
from openai.types.chat import completion_create_params as chat_create_params

from tests.contract.openai.samples import BASES, BESIDE, SAMPLES, SAMPLES_OF_COMPLETIONS
from tests.support.asgi import Answer, call
from tests.support.scripted import DEMO, NESTED, Stage
from velocity_local.daemon.server.openai.fields import TABLES, Effect, Field
from velocity_local.daemon.server.openai.fields_page import markdown
from velocity_local.wire.http import openai

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
EMBEDDINGS = "/v1/embeddings"
OFFICIAL = {
    CHAT: chat_create_params.CompletionCreateParamsNonStreaming,
    COMPLETIONS: completion_create_params.CompletionCreateParamsNonStreaming,
    EMBEDDINGS: embedding_create_params.EmbeddingCreateParams,
}
STRUCTS: dict[str, type[msgspec.Struct]] = {
    CHAT: openai.ChatCompletionRequest,
    COMPLETIONS: openai.CompletionRequest,
    EMBEDDINGS: openai.EmbeddingsRequest,
}
ROWS = [
    pytest.param(path, field, id=f"{path} {field.name}")
    for path in STRUCTS
    for field in TABLES[f"POST {path}"]
]


@pytest.mark.parametrize("path", STRUCTS)
def test_every_documented_field_is_in_the_table(path: str) -> None:
    official = set(OFFICIAL[path].__annotations__)
    for base in OFFICIAL[path].__orig_bases__:  # type: ignore[attr-defined]  # typing's own record
        official |= set(getattr(base, "__annotations__", {}))
    ours = {field.name for field in TABLES[f"POST {path}"]}
    assert len(official) > 4
    assert official <= ours
    assert ours == set(STRUCTS[path].__struct_fields__)


def sample(path: str, name: str) -> Any:
    if path == COMPLETIONS and name in SAMPLES_OF_COMPLETIONS:
        return SAMPLES_OF_COMPLETIONS[name]
    return SAMPLES[name]


async def ask(path: str, **fields: Any) -> tuple[Stage, Answer]:
    stage = Stage(models=(DEMO, NESTED))
    body = msgspec.json.encode({**BASES[path], **fields})
    return stage, await call(stage.app(), "POST", path, body=body)


@pytest.mark.parametrize(("path", "field"), ROWS)
async def test_the_row_is_true(path: str, field: Field) -> None:
    beside = BESIDE.get(field.name, {})
    before_stage, before = await ask(path, **beside)
    stage, answer = await ask(path, **beside, **{field.name: sample(path, field.name)})
    assert before.status == 200, before.body
    match field.effect:
        case Effect.REFUSED | Effect.IN_PART:
            assert answer.status == 400
            assert answer.error["code"] == "unsupported_parameter"
            assert answer.error["param"] == field.name
            assert not stage.runner.asked
        case Effect.NO_EFFECT:
            assert answer.status == 200
            assert asked(stage) == asked(before_stage)
            assert shape(answer) == shape(before)
        case Effect.HONOURED if field.name != "best_of":
            assert answer.status == 200, answer.body
            assert (asked(stage), shape(answer)) != (asked(before_stage), shape(before))


@pytest.mark.parametrize(("path", "field"), ROWS)
async def test_the_values_taken_are_taken(path: str, field: Field) -> None:
    for value in (None, *field.only):
        if value is None and field.name in ("model", "messages", "input"):
            continue
        beside = BESIDE.get(field.name, {})
        _, answer = await ask(path, **beside, **{field.name: value})
        assert answer.status == 200, (value, answer.body)


async def test_best_of_must_equal_n() -> None:
    assert (await ask(COMPLETIONS, best_of=2, n=2))[1].status == 200
    _, answer = await ask(COMPLETIONS, best_of=3, n=2)
    assert answer.error["param"] == "best_of"


def asked(stage: Stage) -> list[Any]:
    """What reached the runner, without its id."""
    requests: list[Any] = [*stage.runner.asked, *stage.runner.embedded]
    return [msgspec.structs.replace(request, id="") for request in requests]


def shape(answer: Answer) -> Any:
    """The answer without what differs from call to call."""
    if answer.headers["content-type"].startswith("text/event-stream"):
        return [event.partition(b'"choices"')[2] for event in answer.body.split(b"\n\n")]
    return {key: value for key, value in answer.json.items() if key not in ("id", "created")}


def test_the_page_is_current() -> None:
    page = Path(__file__).parents[3] / "docs" / "openai-fields.md"
    assert page.read_text(encoding="utf-8") == markdown(), (
        "run: python -m velocity_local.daemon.server.openai.fields_page docs/openai-fields.md"
    )
