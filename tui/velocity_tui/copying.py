"""The text of a pane, for the clipboard: what it knows, not only what is in view.

The clipboard is the terminal's, told through OSC 52 by Textual, which encodes the text: what a
model wrote cannot end that sequence.
"""

from collections.abc import Callable, Iterator
from typing import Any

from textual.widget import Widget
from textual.widgets import Input, Markdown, OptionList, RichLog, Static, TextArea

from velocity_local.core.printable import printable
from velocity_tui.widgets.prose import Prose
from velocity_tui.widgets.rows import Rows

_KINDS: tuple[tuple[type[Widget], Callable[[Any], str]], ...] = (
    (TextArea, lambda widget: widget.selected_text or widget.text),
    (Input, lambda widget: widget.value),
    (Rows, lambda widget: "\n".join("\t".join(row) for row in widget.texts)),
    (OptionList, lambda widget: "\n".join(str(option.prompt) for option in widget.options)),
    (RichLog, lambda widget: "\n".join(line.text.rstrip() for line in widget.lines)),
    (Prose, lambda widget: widget.text),
    (Markdown, lambda widget: widget.source),
    (Static, lambda widget: str(widget.content)),
)


def text_of(widget: Widget) -> str:
    """As plain text; empty if there is none. It holds no control characters."""
    return printable("\n".join(_texts(widget)).strip("\n"))


def _texts(widget: Widget) -> Iterator[str]:
    for kind, told in _KINDS:
        if isinstance(widget, kind):
            yield told(widget)
            return
    for child in widget.children:
        if child.display:
            yield from _texts(child)
