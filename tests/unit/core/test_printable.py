import pytest

from velocity_local.core.printable import printable


def test_printable_text_is_not_copied() -> None:
    text = "words"
    assert printable(text) is text


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("over\rwritten", "over\\rwritten"),
        ("\u202etxt.exe\u2066", "\\u202etxt.exe\\u2066"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
    ],
)
def test_commands_and_reordering_are_shown_as_escapes(hostile: str, shown: str) -> None:
    assert printable(hostile) == shown


def test_lines_tabs_and_joined_emoji_stay() -> None:
    text = "one\n\ttwo \U0001f469\u200d\U0001f52c \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    assert printable(text) == text


def test_any_split_gives_the_same() -> None:
    text = "a\x1b]0;title\x07b\u202ec"
    assert "".join(printable(character) for character in text) == printable(text)
