"""What a model says is hostile: it may write, and nothing else."""

import pytest
from textual.app import App, ComposeResult

from tests.tui.terminal import text
from velocity_local.core.conversations import Turn
from velocity_tui.widgets.turns import Reply, fresh

HOSTILE = [
    "\x1b]0;owned\x07 title",
    "\x1b]52;c;aGVsbG8=\x07 clipboard",
    "\x1b[2J\x1b[1;1H cleared",
    "\x9b31m eight-bit",
    "a\rb overwritten",
    "\u202egnp.exe reversed",
    "\x1b]8;;http://evil\x1b\\ link",
    "```\n\x1b[2J in code\n```",
    "| a | b |\n|---|---|\n| \x1b[2J | in a table |",
    "[click\x1b[2J](http://x/\x07)",
    "<script>html</script>",
    "[red]markup[/red] [@click=app.quit]x[/]",
    "![\x1b[2J](x)",
]


class Showing(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.reply = Reply(fresh(Turn("a", "q", "assistant", "")))
        self.quit_asked = False

    def compose(self) -> ComposeResult:
        yield self.reply


@pytest.mark.parametrize("said", HOSTILE)
@pytest.mark.parametrize("piece_chars", [1, 1000])
async def test_no_control_character_reaches_the_terminal(said: str, piece_chars: int) -> None:
    app = Showing()
    async with app.run_test() as pilot:
        for start in range(0, len(said), piece_chars):
            piece = said[start : start + piece_chars]
            await app.reply.add(piece, piece)
        await app.reply.close("\x1b[2J")
        await pilot.pause()
        shown = text(app)
    assert [c for c in shown if not c.isprintable() and c != "\n"] == []
    assert app.reply.text == said


async def test_markup_of_ours_means_nothing_in_an_answer() -> None:
    app = Showing()
    async with app.run_test() as pilot:
        await app.reply.add("[red]plain[/red]", "[b]also[/b]")
        await app.reply.close("[i]note[/i]")
        await pilot.pause()
        shown = text(app)
    assert "[red]plain[/red]" in shown
    assert "[i]note[/i]" in shown


async def test_thinking_is_folded_until_it_is_wanted() -> None:
    app = Showing()
    async with app.run_test() as pilot:
        await app.reply.add("", "let me see now")
        await app.reply.add("\n\nThe answer.", "")
        await app.reply.close("")
        await pilot.pause()
        folded = text(app)
        assert "Thinking, 4 words" in folded
        assert "let me see" not in folded
        assert "The answer." in folded
        await pilot.click("CollapsibleTitle")
        await pilot.pause()
        assert "let me see now" in text(app)


async def test_an_address_is_shown_and_not_opened() -> None:
    opened: list[str] = []

    class Watched(Showing):
        def open_url(self, url: str, *, new_tab: bool = True) -> None:
            opened.append(url)

    app = Watched()
    async with app.run_test(notifications=True) as pilot:
        await app.reply.add("[here](http://example.invalid/path)", "")
        await app.reply.close("")
        await pilot.pause()
        await pilot.click("MarkdownParagraph", offset=(1, 0))
        await pilot.pause()
        assert opened == []
        assert "http://example.invalid/path" in text(app)
