import pytest

from tests.unit.cli.terminal import cli
from velocity_local.cli import tui


def test_the_terminal_ui_needs_a_terminal() -> None:
    ran = cli("tui")
    assert ran.status == 2
    assert "needs a terminal" in ran.err


def test_a_browser_needs_what_serves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tui, "_EXTRA", "no_such_module")
    ran = cli("tui", "--serve")
    assert ran.status == 1
    assert "velocity-local[serve]" in ran.err
