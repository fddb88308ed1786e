"""The official client against a whole daemon: the demo model in a worker process of its own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import openai
import pytest

from tests.contract.openai.official_client import OfficialClientContract
from tests.support.daemon import running_daemon

pytestmark = pytest.mark.process


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


class TestWholeDaemon(OfficialClientContract):
    """The same contract that the scripted server keeps."""
