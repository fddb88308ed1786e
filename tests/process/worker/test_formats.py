"""Formats on the demo model's worker: after reasoning, resumed, for each choice."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.worker.harness import Worker, answer, ask, chat, worker
from velocity_local.core.formats import JsonFormat, ToolUse
from velocity_local.core.messages import Message, Tool
from velocity_local.core.models import LoadOptions
from velocity_local.core.requests import ChatPrompt
from velocity_local.core.sampling import SamplingParams
from velocity_local.wire.ipc.messages import Generate, Resumed

pytestmark = pytest.mark.process

MODEL = Path(__file__).parents[3] / "models" / "demo" / "velocity-demo-f16.gguf"
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 10},
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
FORMAT = JsonFormat(param="format", schema=PERSON)
HOT = SamplingParams(seed=5, temperature=1.5, top_k=0, top_p=1.0, min_p=0.0)
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 10}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS = (Tool("get_weather", "Tells the weather.", CITY),)


@pytest.fixture(scope="module")
def demo() -> Iterator[Worker]:
    with worker() as running:
        running.load(str(MODEL), LoadOptions(n_ctx=2048, n_threads=1))
        yield running


def generate(handle: int, **fields: object) -> Generate:
    return ask(
        handle,
        chat("Who is Bob?"),
        **{"format": FORMAT, "parse_output": True, "max_tokens": 300, "sampling": HOT, **fields},
    )


def is_person(text: str) -> bool:
    person = json.loads(text)
    return set(person) == {"name", "age"} and 0 <= person["age"] <= 130


def test_every_choice_is_held_by_itself(demo: Worker) -> None:
    demo.send(generate(1, n=4))
    seen = answer(demo, 1, n=4)
    texts = [seen.text(index) for index in range(4)]
    assert len(set(texts)) > 1
    assert all(map(is_person, texts))


@pytest.mark.parametrize("n_emitted", [1, 5, 9])
def test_an_answer_goes_on_in_another_worker(n_emitted: int, demo: Worker) -> None:
    demo.send(generate(10 + n_emitted))
    whole = answer(demo, 10 + n_emitted)
    tokens = whole.tokens()
    first = tokens[:n_emitted]
    command = generate(30 + n_emitted)
    demo.send(Generate(command.handle, command.request, (Resumed(0, first),)))
    resumed = answer(demo, command.handle)
    assert first + resumed.tokens() == tokens
    assert resumed.text() == whole.text()


def test_the_format_begins_after_the_reasoning(demo: Worker) -> None:
    """The prompt leaves the block open; a model that would end in it is made to answer."""
    prompt = ChatPrompt((Message("user", "Who is Bob?"), Message("assistant", "<think>\nHm")))
    demo.send(
        ask(
            50,
            prompt,
            format=FORMAT,
            parse_output=True,
            max_tokens=400,
            sampling=SamplingParams(temperature=0),
        )
    )
    seen = answer(demo, 50)
    assert seen.finished.usage.reasoning_tokens > 0
    assert seen.finished.reason == "stop"
    assert is_person(seen.text())


def test_a_free_choice_of_tools_makes_calls_that_keep_to_their_schema(demo: Worker) -> None:
    prompt = ChatPrompt((Message("user", "What is the weather in Rome?"),), tools=TOOLS)
    for handle in range(60, 66):
        sampling = SamplingParams(seed=handle, temperature=1.0)
        demo.send(ask(handle, prompt, parse_output=True, max_tokens=300, sampling=sampling))
        seen = answer(demo, handle)
        pieces = [call for delta in seen.deltas for call in delta.tool_calls]
        if seen.finished.reason == "tool_calls":
            calls = {piece.index for piece in pieces}
            for index in calls:
                arguments = "".join(p.arguments for p in pieces if p.index == index)
                assert set(json.loads(arguments)) == {"city"}


def test_one_call_at_most_if_they_may_not_be_parallel(demo: Worker) -> None:
    prompt = ChatPrompt((Message("user", "The weather in Rome and in Oslo?"),), tools=TOOLS)
    use = ToolUse(is_required=True, is_parallel=False)
    for handle in range(70, 74):
        sampling = SamplingParams(seed=handle, temperature=1.2)
        demo.send(
            ask(handle, prompt, parse_output=True, max_tokens=300, sampling=sampling, tool_use=use)
        )
        seen = answer(demo, handle)
        assert seen.finished.reason == "tool_calls"
        assert {call.index for delta in seen.deltas for call in delta.tool_calls} == {0}
