import io
import json

import pytest

from tests.unit.cli.terminal import Screen
from velocity_local.cli.output import Output


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    out = io.StringIO()
    Output(out, io.StringIO()).table(("NAME", "N"), [("demo", "1"), ("longer-name", "20")])
    assert out.getvalue() == "NAME         N\ndemo         1\nlonger-name  20\n"


def test_a_pipe_gets_no_colour_and_nothing_that_moves() -> None:
    out, err = io.StringIO(), io.StringIO()
    output = Output(out, err)
    output.table(("A",), [("1",)])
    output.progress("loading")
    output.error("cause", "step")
    assert "\x1b" not in out.getvalue() + err.getvalue()
    assert err.getvalue() == "error: cause\n  try: step\n"


def test_no_color_holds_on_a_terminal_too() -> None:
    screen = Screen()
    Output(screen, screen, colour=False).table(("A",), [("1",)])
    assert "\x1b" not in screen.getvalue()


def test_a_note_takes_the_place_of_the_moving_line() -> None:
    err = Screen()
    output = Output(io.StringIO(), err)
    output.progress("loading demo")
    output.note("ready")
    assert err.getvalue().endswith("\r\x1b[2Kready\n")


def test_several_lines_move_and_none_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "9")
    err = Screen()
    output = Output(io.StringIO(), err)
    output.progress("half of it\nsecond line")
    output.progress("done")
    assert err.getvalue() == ("\r\x1b[2Khalf of \nsecond l\r\x1b[2K\x1b[1A\x1b[2Kdone")


def test_json_names_its_shape() -> None:
    out = io.StringIO()
    Output(out, io.StringIO()).json("ps/1", models=[])
    assert json.loads(out.getvalue()) == {"schema": "velocity-local/ps/1", "models": []}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain \N{SNOWMAN} text\n\tindented", "plain \N{SNOWMAN} text\n\tindented"),
        ("\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07"),
        ("safe\u202egnp.exe", "safe\\u202egnp.exe"),
        ("a\rb", "a\\rb"),
    ],
    ids=["harmless", "clipboard", "reordering", "overwriting"],
)
def test_a_terminal_never_obeys_a_models_text(text: str, shown: str) -> None:
    screen = Screen()
    Output(screen, screen).text(text)
    assert screen.getvalue() == shown


def test_a_pipe_gets_a_models_text_unchanged() -> None:
    out = io.StringIO()
    Output(out, io.StringIO()).text("\x1b[31mred")
    assert out.getvalue() == "\x1b[31mred"


def test_reasoning_is_left_out_of_data() -> None:
    out, screen = io.StringIO(), Screen()
    Output(out, io.StringIO()).aside("hmm")
    Output(screen, screen).aside("hmm")
    assert out.getvalue() == ""
    assert "hmm" in screen.getvalue()
