"""Where the official client connects to. The scripted server by default; a whole daemon may take
its place by overriding `base_url`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import openai
import pytest

from tests.support.loops import product_loop
from tests.support.scripted import DEMO, NESTED, Stage
from tests.support.sockets import listening


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"product loop": product_loop}


@pytest.fixture
def stage() -> Stage:
    """What stands behind the scripted server; tests change its script before they ask."""
    return Stage(models=(DEMO, NESTED))


@pytest.fixture
async def base_url(stage: Stage) -> AsyncIterator[str]:
    async with listening(stage.app()) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def client(base_url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=f"{base_url}/v1", api_key="none", max_retries=0
    ) as client:
        yield client
