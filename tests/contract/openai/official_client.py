"""What the official client may count on, whoever serves and whatever the model says."""

import asyncio

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]


class OfficialClientContract:
    """Subclasses are collected; their module provides `base_url` and `client`."""

    async def test_chat_answers(self, client: openai.AsyncOpenAI) -> None:
        answer = await client.chat.completions.create(model="demo", messages=HELLO, max_tokens=8)
        choice = answer.choices[0]
        assert choice.message.role == "assistant"
        assert choice.message.content
        assert choice.finish_reason in ("stop", "length")
        assert answer.object == "chat.completion"
        assert answer.id.startswith("chatcmpl-")
        assert answer.model == "demo"
        assert (answer.system_fingerprint or "").startswith("fp_")
        assert answer.usage is not None
        assert (
            answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
        )
        assert answer.usage.prompt_tokens_details is not None
        assert answer.usage.completion_tokens_details is not None

    async def test_a_streamed_chat_equals_a_whole_one(self, client: openai.AsyncOpenAI) -> None:
        whole = await client.chat.completions.create(
            model="demo", messages=HELLO, max_tokens=8, temperature=0
        )
        text, usages, finishes, roles = "", [], [], []
        stream = await client.chat.completions.create(
            model="demo",
            messages=HELLO,
            max_tokens=8,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
        async for chunk in stream:
            usages.append(chunk.usage)
            for choice in chunk.choices:
                text += choice.delta.content or ""
                roles.append(choice.delta.role)
                finishes.append(choice.finish_reason)
        assert text == whole.choices[0].message.content
        assert finishes[-1] == whole.choices[0].finish_reason
        assert set(finishes[:-1]) == {None}
        assert roles[0] == "assistant"
        assert whole.usage is not None
        assert usages[-1] is not None
        assert usages[-1].completion_tokens == whole.usage.completion_tokens
        assert set(usages[:-1]) == {None}

    async def test_content_parts_mean_what_their_text_means(
        self, client: openai.AsyncOpenAI
    ) -> None:
        parts = await client.chat.completions.create(
            model="demo",
            messages=[{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
            max_tokens=8,
            temperature=0,
        )
        plain = await client.chat.completions.create(
            model="demo", messages=HELLO, max_tokens=8, temperature=0
        )
        assert parts.choices[0].message.content == plain.choices[0].message.content

    async def test_an_answer_can_be_sent_back_as_it_came(self, client: openai.AsyncOpenAI) -> None:
        first = await client.chat.completions.create(model="demo", messages=HELLO, max_tokens=4)
        returned = first.choices[0].message.model_dump()
        again = await client.chat.completions.create(
            model="demo",
            messages=[*HELLO, returned, *HELLO],  # type: ignore[list-item]  # a dumped message is one
            max_tokens=4,
        )
        assert again.choices[0].message.content is not None

    async def test_logprobs(self, client: openai.AsyncOpenAI) -> None:
        answer = await client.chat.completions.create(
            model="demo", messages=HELLO, max_tokens=4, logprobs=True, top_logprobs=2
        )
        logprobs = answer.choices[0].logprobs
        assert logprobs is not None
        assert logprobs.content
        for token in logprobs.content:
            assert token.logprob <= 0
            assert len(token.top_logprobs) == 2
            assert bytes(token.bytes or ()).decode(errors="replace") == token.token

    async def test_several_choices(self, client: openai.AsyncOpenAI) -> None:
        answer = await client.chat.completions.create(
            model="demo", messages=HELLO, max_tokens=4, n=3, seed=1
        )
        assert [choice.index for choice in answer.choices] == [0, 1, 2]

    async def test_completions_of_several_prompts(self, client: openai.AsyncOpenAI) -> None:
        answer = await client.completions.create(
            model="demo", prompt=["once", "twice"], n=2, max_tokens=4
        )
        assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
        assert answer.object == "text_completion"

    async def test_streamed_completions_of_several_prompts(
        self, client: openai.AsyncOpenAI
    ) -> None:
        stream = await client.completions.create(
            model="demo", prompt=["once", "twice"], max_tokens=4, stream=True
        )
        finished = [
            choice.index
            async for chunk in stream
            for choice in chunk.choices
            if choice.finish_reason is not None
        ]
        assert sorted(finished) == [0, 1]

    async def test_legacy_logprobs(self, client: openai.AsyncOpenAI) -> None:
        answer = await client.completions.create(
            model="demo", prompt="once", max_tokens=4, logprobs=2, extra_body={"ignore_eos": True}
        )
        logprobs = answer.choices[0].logprobs
        assert logprobs is not None
        assert logprobs.text_offset is not None
        assert logprobs.text_offset[0] == 0
        assert len(logprobs.tokens or ()) == len(logprobs.token_logprobs or ())

    async def test_models(self, client: openai.AsyncOpenAI) -> None:
        models = [model async for model in client.models.list()]
        assert "demo" in [model.id for model in models]
        assert (await client.models.retrieve("demo")).owned_by

    async def test_unknown_model(self, client: openai.AsyncOpenAI) -> None:
        with pytest.raises(openai.NotFoundError) as caught:
            await client.chat.completions.create(model="demmo", messages=HELLO)
        assert caught.value.code == "model_not_found"
        assert caught.value.param == "model"
        assert "demo" in caught.value.message
        assert caught.value.request_id

    async def test_refused_fields_are_named(self, client: openai.AsyncOpenAI) -> None:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(
                model="demo", messages=HELLO, functions=[{"name": "look_up"}]
            )
        assert caught.value.code == "unsupported_parameter"
        assert caught.value.param == "functions"
        assert caught.value.type == "invalid_request_error"

    async def test_the_synchronous_client(self, base_url: str) -> None:
        def ask() -> str | None:
            with openai.OpenAI(base_url=f"{base_url}/v1", api_key="none") as client:
                stream = client.chat.completions.create(
                    model="demo", messages=HELLO, max_tokens=4, stream=True
                )
                return "".join(c.choices[0].delta.content or "" for c in stream)

        assert await asyncio.to_thread(ask)
