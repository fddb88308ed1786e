"""Markdown that grows, in pages. Only those in view are laid out: a long text costs no more than a
short one.
"""

from functools import cache

from markdown_it import MarkdownIt
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.widgets import Markdown, Static
from textual.widgets.markdown import MarkdownStream

from velocity_local.core.printable import printable

PAGE_CHARS = 1_000
"""A page this long ends before the next block that begins."""
MAX_MARKDOWN_CHARS = 200_000
"""Longer texts are shown as they are written: laying them out would take seconds."""
_LISTS = frozenset({"bullet_list_open", "ordered_list_open"})


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("gfm-like")


class Page(Vertical):
    """Some blocks of a text. Folded it is an empty space of the same height, which costs nothing:
    of Markdown every block is a widget, and a screen lays out all it has.
    """

    def __init__(self) -> None:
        super().__init__()
        self.markdown = Markdown("", open_links=False)
        self.is_growing = True
        self._width = 0

    def compose(self) -> ComposeResult:
        yield self.markdown

    @property
    def is_folded(self) -> bool:
        return not self.markdown.display

    def fold(self) -> None:
        """Leave its place empty, once that is known."""
        if not self.is_growing and not self.is_folded and self.size.height:
            self._width = self.size.width
            self.styles.height = self.size.height
            self.markdown.display = False

    def unfold(self) -> None:
        if self.is_folded:
            self.markdown.display = True
            self.styles.height = "auto"

    def on_resize(self, event: Resize) -> None:
        """Other lines have another height."""
        if event.size.width != self._width:
            self.unfold()


class Prose(Vertical):
    """A model's text. It is hostile until `printable` has seen it.

    A link whose address is told on another page is shown as it is written.
    """

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self._page = ""
        self._stream: MarkdownStream | None = None

    async def write(self, text: str) -> None:
        """Show more. Call `finish` after the last."""
        self.text += text
        if len(self.text) > MAX_MARKDOWN_CHARS:
            await self._show_plainly()
            return
        rest = printable(text)
        while rest:
            at = self._break(rest)
            if at is None:
                await self._add(rest)
                return
            if at:
                await self._add(rest[:at])
            await self.finish()
            self._page, rest = "", rest[at:]

    async def finish(self) -> None:
        """All that was written stands there."""
        if self._stream is not None:
            await self._stream.stop()
            self._stream = None
        for page in self.query(Page):
            page.is_growing = False

    async def _add(self, text: str) -> None:
        if self._stream is None:
            self._stream = Markdown.get_stream((await self._last_page()).markdown)
        self._page += text
        await self._stream.write(text)

    async def _last_page(self) -> Page:
        """The one that `_page` is the text of."""
        if not self._page:
            await self.mount(Page())
        page = self.query(Page).last()
        page.is_growing = True
        page.unfold()
        return page

    def _break(self, text: str) -> int | None:
        """Where in `text` a block begins that may begin a page; None if the page goes on.

        What comes after a list may turn out to be one more of its items.
        """
        if len(self._page) + len(text) <= PAGE_CHARS:
            return None
        lines = (self._page + text).splitlines(keepends=True)
        before = None
        for block in _parser().parse(self._page + text):
            if block.level or block.nesting < 0 or block.map is None:
                continue
            at = sum(map(len, lines[: block.map[0]]))
            is_due = at >= PAGE_CHARS and at >= len(self._page)
            if is_due and before is not None and before not in _LISTS:
                return at - len(self._page)
            before = block.type
        return None

    async def _show_plainly(self) -> None:
        await self.finish()
        self.query(Page).set(display=False)
        if not self.query(".plain"):
            await self.mount(Static("", classes="plain", markup=False))
        self.query_one(".plain", Static).update(Content(printable(self.text)))
