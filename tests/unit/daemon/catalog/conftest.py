"""A models folder and its catalog."""

import sys
from pathlib import Path

import pytest

from tests.unit.daemon.catalog.folders import put
from velocity_local.core.clock import ManualClock
from velocity_local.daemon.catalog.local import LocalCatalog

# Links, pipes and names that are no text: Windows has no such files.
collect_ignore = ["test_local_posix.py"] if sys.platform == "win32" else []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def catalog(root: Path, tmp_path: Path, clock: ManualClock) -> LocalCatalog:
    demo = tmp_path / "shipped" / "velocity-demo.gguf"
    put(demo)
    return LocalCatalog(root, demo=demo, clock=clock)
