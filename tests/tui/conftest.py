from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import RunningDaemon, running_daemon


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[RunningDaemon]:
    """A real daemon with the demo model, ready to answer."""
    with running_daemon(tmp_path / "home") as running:
        running.wait_ready()
        yield running


@pytest.fixture(scope="session")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    """One for all tests that leave it as it was."""
    with running_daemon(tmp_path_factory.mktemp("lasting") / "home") as running:
        running.wait_ready()
        yield running
