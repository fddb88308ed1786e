"""The official client's helpers for structured outputs and tools, against a whole daemon.

The demo model is small: what it says may be silly, but it is what was asked for, every time.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Literal

import openai
import pytest
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionMessageParam,
)
from pydantic import BaseModel, Field

from tests.support.daemon import running_daemon

pytestmark = pytest.mark.process

ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Tell me about Bob."}]
WEATHER: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "What is the weather in Paris?"}
]
LIMIT = 700


class Pet(BaseModel):
    kind: Literal["cat", "dog"]
    name: str = Field(max_length=12)


class Person(BaseModel):
    name: str = Field(max_length=20)
    age: int = Field(ge=0, le=130)
    is_member: bool
    pets: list[Pet] = Field(max_length=2)
    boss: "Pet | None"


class get_weather(BaseModel):  # noqa: N801 - its name is the tool's
    """Tells the weather."""

    city: str = Field(max_length=20)
    unit: Literal["celsius", "fahrenheit"]


class get_time(BaseModel):  # noqa: N801 - its name is the tool's
    """Tells the time."""

    zone: str = Field(max_length=20)


TOOLS: list[Any] = [
    openai.pydantic_function_tool(get_weather),
    openai.pydantic_function_tool(get_time),
]


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home: Path = tmp_path_factory.mktemp("daemon")
    with running_daemon(home) as daemon:
        daemon.wait_ready()
        yield daemon.base_url


@pytest.fixture
async def client(base_url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=f"{base_url}/v1", api_key="none", max_retries=0
    ) as client:
        yield client


def _tops(answer: ChatCompletion) -> list[tuple[str, float]]:
    """The likeliest tokens in place of the answer's first."""
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content
    return [(top.token, round(top.logprob, 2)) for top in logprobs.content[0].top_logprobs]


class TestStructuredOutputs:
    @pytest.mark.parametrize("seed", range(3))
    async def test_a_model_is_parsed(self, client: openai.AsyncOpenAI, seed: int) -> None:
        answer = await client.chat.completions.parse(
            model="demo", messages=ASKED, response_format=Person, seed=seed, max_tokens=LIMIT
        )
        assert isinstance(answer.choices[0].message.parsed, Person)
        assert answer.choices[0].finish_reason == "stop"

    async def test_a_model_is_streamed(self, client: openai.AsyncOpenAI) -> None:
        async with client.chat.completions.stream(
            model="demo", messages=ASKED, response_format=Person, seed=1, max_tokens=LIMIT
        ) as stream:
            kinds = [event.type async for event in stream]
            final = await stream.get_final_completion()
        assert isinstance(final.choices[0].message.parsed, Person)
        assert "content.delta" in kinds
        assert kinds.count("content.done") == 1

    async def test_hot_choices_are_each_held_to_the_schema(
        self, client: openai.AsyncOpenAI
    ) -> None:
        answer = await client.chat.completions.parse(
            model="demo",
            messages=ASKED,
            response_format=Person,
            n=4,
            temperature=1.5,
            seed=3,
            max_tokens=LIMIT,
        )
        assert len({choice.message.content for choice in answer.choices}) > 1
        for choice in answer.choices:
            assert isinstance(choice.message.parsed, Person)

    async def test_any_object(self, client: openai.AsyncOpenAI) -> None:
        answer = await client.chat.completions.create(
            model="demo",
            messages=ASKED,
            response_format={"type": "json_object"},
            temperature=0,
            max_tokens=LIMIT,
            extra_body={"repeat_penalty": 1.1},
        )
        choice = answer.choices[0]
        assert (choice.message.content or "").startswith("{")
        if choice.finish_reason == "stop":
            assert isinstance(json.loads(choice.message.content or ""), dict)

    async def test_logprobs_are_those_of_free_choice(self, client: openai.AsyncOpenAI) -> None:
        free = await client.chat.completions.create(
            model="demo", messages=ASKED, logprobs=True, top_logprobs=3, max_tokens=1
        )
        held = await client.chat.completions.create(
            model="demo",
            messages=ASKED,
            logprobs=True,
            top_logprobs=3,
            max_tokens=1,
            response_format={"type": "json_object"},
        )
        tops = [_tops(answer) for answer in (free, held)]
        assert tops[0] == tops[1]

    @pytest.mark.parametrize(
        ("extra", "pattern"),
        [
            ({"structured_outputs": {"regex": "[0-9]{3}-[A-Z]{2}"}}, r"[0-9]{3}-[A-Z]{2}"),
            ({"structured_outputs": {"choice": ["yes", "no"]}}, "yes|no"),
            ({"grammar": 'root ::= "a" ("," "b"){2}'}, "a,b,b"),
            ({"grammar": 'start: "x" /[0-9]/'}, "x[0-9]"),
        ],
    )
    async def test_other_formats(
        self, client: openai.AsyncOpenAI, extra: dict[str, Any], pattern: str
    ) -> None:
        chat = await client.chat.completions.create(
            model="demo", messages=ASKED, extra_body=extra, max_tokens=LIMIT
        )
        text = await client.completions.create(
            model="demo", prompt="Bob", extra_body=extra, max_tokens=LIMIT
        )
        for said in (chat.choices[0].message.content, text.choices[0].text):
            assert re.fullmatch(pattern, said or "")

    async def test_a_keyword_that_is_not_enforced_is_named(
        self, client: openai.AsyncOpenAI
    ) -> None:
        schema = {"type": "object", "properties": {"a": {"not": {}}}}
        asked: Any = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
        for stream in (False, True):
            with pytest.raises(openai.BadRequestError) as caught:
                await client.chat.completions.create(
                    model="demo", messages=ASKED, stream=stream, response_format=asked
                )
            assert caught.value.code == "unsupported_parameter"
            assert "properties.a.not" in caught.value.message
            assert caught.value.param == "response_format.json_schema.schema"


class TestTools:
    @pytest.mark.parametrize("seed", range(3))
    async def test_required_calls_are_parsed(self, client: openai.AsyncOpenAI, seed: int) -> None:
        answer = await client.chat.completions.parse(
            model="demo",
            messages=ASKED,
            tools=TOOLS,
            tool_choice="required",
            temperature=1.2,
            seed=seed,
            max_tokens=LIMIT,
            parallel_tool_calls=False,
        )
        choice = answer.choices[0]
        assert choice.finish_reason == "tool_calls"
        [call] = choice.message.tool_calls or []
        assert isinstance(call.function.parsed_arguments, get_weather | get_time)

    async def test_a_named_tool_is_the_one_called(self, client: openai.AsyncOpenAI) -> None:
        answer = await client.chat.completions.parse(
            model="demo",
            messages=WEATHER,
            tools=TOOLS,
            tool_choice={"type": "function", "function": {"name": "get_time"}},
            max_tokens=LIMIT,
        )
        [call] = answer.choices[0].message.tool_calls or []
        assert isinstance(call.function.parsed_arguments, get_time)

    async def test_of_allowed_tools_one_is_called(self, client: openai.AsyncOpenAI) -> None:
        answer = await client.chat.completions.parse(
            model="demo",
            messages=WEATHER,
            tools=TOOLS,
            tool_choice={
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "get_time"}}],
                },
            },
            max_tokens=LIMIT,
            parallel_tool_calls=False,
        )
        [call] = answer.choices[0].message.tool_calls or []
        assert isinstance(call.function.parsed_arguments, get_time)

    async def test_no_tool_is_called_if_none_may_be(self, client: openai.AsyncOpenAI) -> None:
        answer = await client.chat.completions.create(
            model="demo", messages=WEATHER, tools=TOOLS, tool_choice="none", max_tokens=60
        )
        assert not answer.choices[0].message.tool_calls

    async def test_calls_are_streamed(self, client: openai.AsyncOpenAI) -> None:
        async with client.chat.completions.stream(
            model="demo",
            messages=WEATHER,
            tools=TOOLS,
            tool_choice="required",
            max_tokens=LIMIT,
            parallel_tool_calls=False,
        ) as stream:
            kinds = [event.type async for event in stream]
            final = await stream.get_final_completion()
        [call] = final.choices[0].message.tool_calls or []
        assert isinstance(call.function.parsed_arguments, get_weather | get_time)
        assert "tool_calls.function.arguments.delta" in kinds
        assert kinds.count("tool_calls.function.arguments.done") == 1

    async def test_a_whole_loop(self, client: openai.AsyncOpenAI) -> None:
        """A free choice of tools, the result sent back, and an answer."""
        first = await client.chat.completions.parse(
            model="demo", messages=WEATHER, tools=TOOLS, temperature=0, max_tokens=LIMIT
        )
        message = first.choices[0].message
        [call] = message.tool_calls or []
        assert isinstance(call.function.parsed_arguments, get_weather)
        assert "Paris" in call.function.parsed_arguments.city
        result: list[Any] = [
            *WEATHER,
            message.model_dump(exclude={"parsed"}),
            {"role": "tool", "tool_call_id": call.id, "content": '{"temperature": 21}'},
        ]
        for held in result[1]["tool_calls"]:
            held["function"].pop("parsed_arguments")
        last = await client.chat.completions.create(
            model="demo", messages=result, tools=TOOLS, temperature=0, max_tokens=LIMIT
        )
        assert last.choices[0].message.content
        assert not last.choices[0].message.tool_calls

    async def test_calls_or_an_answer_of_a_format(self, client: openai.AsyncOpenAI) -> None:
        for seed in range(4):
            answer = await client.chat.completions.parse(
                model="demo",
                messages=ASKED,
                tools=TOOLS,
                response_format=Pet,
                temperature=1.5,
                seed=seed,
                max_tokens=LIMIT,
                parallel_tool_calls=False,
            )
            message = answer.choices[0].message
            assert bool(message.tool_calls) != isinstance(message.parsed, Pet)

    async def test_a_call_cut_off_says_so(self, client: openai.AsyncOpenAI) -> None:
        answer = await client.chat.completions.create(
            model="demo",
            messages=WEATHER,
            tools=TOOLS,
            tool_choice={"type": "function", "function": {"name": "get_weather"}},
            max_tokens=14,
        )
        assert answer.choices[0].finish_reason == "length"

    async def test_a_strict_tool_that_cannot_be_enforced_is_refused(
        self, client: openai.AsyncOpenAI
    ) -> None:
        parameters = {"type": "object", "properties": {"a": {"uniqueItems": True}}}
        tool: Any = {"name": "sort", "parameters": parameters, "strict": True}
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(
                model="demo",
                messages=ASKED,
                tools=[{"type": "function", "function": tool}],
            )
        assert "uniqueItems" in caught.value.message
        lax: Any = {**tool, "strict": False}
        answer = await client.chat.completions.create(
            model="demo",
            messages=ASKED,
            tools=[{"type": "function", "function": lax}],
            tool_choice="required",
            max_tokens=1,
        )
        assert answer.choices[0].finish_reason == "length"
