from collections.abc import Iterator

import pytest

from tests.support.script_server import ScriptServer, script_server


@pytest.fixture
def server() -> Iterator[ScriptServer]:
    with script_server() as running:
        yield running
