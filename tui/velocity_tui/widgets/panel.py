"""The ground of every live display: draws values, and only when the drawing would differ."""

from typing import ClassVar

from textual.content import Content
from textual.widgets import Static

from velocity_tui.state import Snapshot


class Panel(Static):
    """A titled box that shows what `draw` makes of a snapshot.

    `n_drawn` counts how often the terminal was given something new.
    """

    TITLE: ClassVar[str] = ""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id, markup=False)
        self.border_title = self.TITLE
        self.n_drawn = 0
        self._snapshot = Snapshot()
        self._shown: Content | None = None

    def show(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._redraw()

    def draw(self, snapshot: Snapshot, width: int, height: int) -> Content:
        """The inside of the box, at most `height` lines of `width` cells."""
        raise NotImplementedError

    def on_resize(self) -> None:
        self._redraw()

    def _redraw(self) -> None:
        width, height = self.content_size
        if width <= 0 or height <= 0:
            return
        content = self.draw(self._snapshot, width, height)
        if self._shown is not None and content.is_same(self._shown):
            return
        self._shown = content
        self.n_drawn += 1
        self.update(content, layout=False)
