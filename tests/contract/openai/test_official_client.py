"""The official client against the scripted server."""

import struct
from base64 import b64decode

import openai

from tests.contract.openai.official_client import OfficialClientContract


class TestScriptedServer(OfficialClientContract):
    """The contract, and what needs a scripted runner."""

    async def test_embeddings_are_the_same_in_both_encodings(
        self, client: openai.AsyncOpenAI
    ) -> None:
        by_default = await client.embeddings.create(model="demo", input=["a", "b"])
        as_numbers = await client.embeddings.create(
            model="demo", input=["a", "b"], encoding_format="float"
        )
        assert by_default.data[1].embedding == as_numbers.data[1].embedding == [1.0, 0.5, -0.25]
        assert by_default.usage.prompt_tokens == 6

    async def test_embeddings_as_base64(self, client: openai.AsyncOpenAI) -> None:
        answer = await client.embeddings.create(
            model="demo", input=[[1, 2], [3]], encoding_format="base64"
        )
        encoded: object = answer.data[0].embedding
        assert isinstance(encoded, str)
        assert struct.unpack("<3f", b64decode(encoded)) == (1.0, 0.5, -0.25)

    async def test_model_names_may_hold_slashes(self, client: openai.AsyncOpenAI) -> None:
        assert (await client.models.retrieve("org/name/file")).id == "org/name/file"
