"""A model's text as it grows: in pages, whole, and never as commands to the terminal."""

import pytest
from markdown_it import MarkdownIt
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Markdown, Static

from tests.tui.living import until
from tests.tui.terminal import text
from velocity_local.core.conversations import Conversation, Turn
from velocity_local.core.printable import printable
from velocity_tui.conversation import places
from velocity_tui.widgets.prose import MAX_MARKDOWN_CHARS, PAGE_CHARS, Page, Prose
from velocity_tui.widgets.transcript import Transcript

PARAGRAPH = "Some **words** of a paragraph, and then some more of them.\n\n"
PASSAGES = {
    "paragraphs": PARAGRAPH,
    "headings": f"## A heading\n\n{PARAGRAPH}",
    "fences": "```python\nfor each in range(3):\n\n    print(each)\n```\n\n",
    "lists": f"- one thing\n\n  with more to say\n- another thing\n\n{PARAGRAPH}",
    "tables": "| a | b |\n| - | - |\n| 1 | 2 |\n\nafter it\n\n",
    "quotes": f"> it was said\n> that\n\n{PARAGRAPH}",
}


class OneProse(App[None]):
    """Nothing but the widget."""

    CSS = "Prose { height: auto; }"

    def compose(self) -> ComposeResult:
        yield Prose()


def pages(prose: Prose) -> list[str]:
    return [page.source for page in prose.query(Markdown)]


def blocks(markdown: str) -> list[str]:
    parser = MarkdownIt("gfm-like")
    return [token.type for token in parser.parse(markdown) if token.level == 0]


@pytest.mark.parametrize("passage", PASSAGES.values(), ids=PASSAGES)
@pytest.mark.parametrize("piece_chars", [7, 400, 100_000])
async def test_pages_hold_the_whole_text_and_split_no_block(passage: str, piece_chars: int) -> None:
    text = passage * (5 * PAGE_CHARS // len(passage))
    app = OneProse()
    async with app.run_test():
        prose = app.query_one(Prose)
        for at in range(0, len(text), piece_chars):
            await prose.write(text[at : at + piece_chars])
        await prose.finish()
        shown = pages(prose)
    assert "".join(shown) == prose.text == text
    assert len(shown) >= 3
    assert [block for page in shown for block in blocks(page)] == blocks(text)


async def test_a_page_that_is_full_is_let_alone() -> None:
    app = OneProse()
    async with app.run_test():
        prose = app.query_one(Prose)
        await prose.write(PARAGRAPH * (2 * PAGE_CHARS // len(PARAGRAPH)))
        await prose.finish()
        first = prose.query(Markdown).first()
        laid_out = list(first.children)
        await prose.write(PARAGRAPH * 5)
        await prose.finish()
        assert list(first.children) == laid_out


async def test_what_follows_a_list_may_be_its_next_item_and_stays_on_its_page() -> None:
    app = OneProse()
    async with app.run_test():
        prose = app.query_one(Prose)
        await prose.write(PARAGRAPH * (PAGE_CHARS // len(PARAGRAPH)) + "1. first\n\n")
        for piece in ("2", ". second", "\n\n", "A paragraph.\n\n", "Another.\n\n", "# More\n\n"):
            await prose.write(piece)
        await prose.finish()
        listed = [page for page in pages(prose) if "1. first" in page]
        assert len(listed) == 1
        assert "2. second" in listed[0]


async def test_one_block_that_never_ends_is_one_page() -> None:
    app = OneProse()
    async with app.run_test():
        prose = app.query_one(Prose)
        await prose.write("```\n")
        for number in range(PAGE_CHARS // 10):
            await prose.write(f"line {number:06d}\n\n")
        await prose.finish()
        assert len(pages(prose)) == 1


async def test_a_very_long_text_is_shown_as_it_is_written() -> None:
    app = OneProse()
    async with app.run_test():
        prose = app.query_one(Prose)
        await prose.write(PARAGRAPH)
        await prose.write("x" * MAX_MARKDOWN_CHARS)
        await prose.write("\x1b]0;title\x07")
        await prose.finish()
        assert not any(page.display for page in prose.query(Page))
        plain = str(prose.query_one(".plain", Static).content)
        assert plain == printable(prose.text)
        assert "\x1b" not in plain


async def test_terminal_commands_stand_there_as_text() -> None:
    app = OneProse()
    async with app.run_test():
        prose = app.query_one(Prose)
        await prose.write("before \x1b]52;c;aGk=\x07 \u202e after\n\n")
        await prose.finish()
        (page,) = pages(prose)
        assert page.isprintable() or set(page) - {"\n"} == {c for c in page if c.isprintable()}
        assert "\\x1b]52" in page


class OneTranscript(App[None]):
    """Nothing but a conversation."""

    CSS = "Question, Reply, Prose, Page { height: auto; }"

    def compose(self) -> ComposeResult:
        yield Transcript()


def numbered(n_paragraphs: int) -> str:
    return "".join(f"Paragraph {number} stands here.\n\n" for number in range(n_paragraphs))


async def told(pilot: Pilot[None], answer: str) -> Transcript:
    """A transcript with one long answer, seen at its end."""
    answer += "That is all."
    turns = (Turn("q", None, "user", "Well?"), Turn("a", "q", "assistant", answer, note="done"))
    transcript = pilot.app.query_one(Transcript)
    await transcript.show(places(Conversation("c", turns=turns, head="a")))
    await until(pilot, lambda: "That is all." in text(pilot.app))
    return transcript


def folded(transcript: Transcript) -> list[bool]:
    return [page.is_folded for page in transcript.query(Page)]


async def test_pages_far_from_view_are_folded_and_keep_their_place() -> None:
    app = OneTranscript()
    async with app.run_test(size=(60, 20)) as pilot:
        transcript = await told(pilot, numbered(200))
        await until(pilot, lambda: folded(transcript)[0])
        height = transcript.virtual_size.height
        assert not folded(transcript)[-1]
        transcript.release_anchor()
        transcript.scroll_home(animate=False)
        await until(pilot, lambda: "Paragraph 0 stands" in text(app))
        await until(pilot, lambda: folded(transcript)[-1])
        assert transcript.virtual_size.height == height
        transcript.scroll_to(y=height // 2, animate=False)
        await until(pilot, lambda: "Paragraph 105 stands" in text(app))


async def test_folded_pages_take_the_height_of_another_width() -> None:
    answer = ("word " * 30 + "\n\n") * 60
    app = OneTranscript()
    async with app.run_test(size=(100, 20)) as pilot:
        transcript = await told(pilot, answer)
        await until(pilot, lambda: folded(transcript)[0])
        await pilot.resize_terminal(50, 20)
        await until(pilot, lambda: folded(transcript)[0])
        narrow = transcript.virtual_size.height
    app = OneTranscript()
    async with app.run_test(size=(50, 20)) as pilot:
        transcript = await told(pilot, answer)
        assert transcript.virtual_size.height == narrow
