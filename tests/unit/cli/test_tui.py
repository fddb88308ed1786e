from tests.unit.cli.terminal import cli


def test_the_terminal_ui_needs_a_terminal() -> None:
    ran = cli("tui")
    assert ran.status == 2
    assert "needs a terminal" in ran.err
