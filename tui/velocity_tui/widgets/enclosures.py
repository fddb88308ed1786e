"""The files that will go with the next question."""

from textual.content import Content
from textual.widgets import Static

from velocity_local.core.conversations import Attachment
from velocity_local.core.printable import printable


class Enclosures(Static):
    """Seen only while there are some."""

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._files: tuple[Attachment, ...] = ()

    def on_mount(self) -> None:
        self.clear()

    @property
    def files(self) -> tuple[Attachment, ...]:
        return self._files

    def add(self, file: Attachment) -> None:
        self._show((*self._files, file))

    def clear(self) -> None:
        self._show(())

    def _show(self, files: tuple[Attachment, ...]) -> None:
        self._files = files
        self.display = bool(files)
        names = ", ".join(file.name for file in files)
        self.update(Content(printable(f"with {names} · Ctrl+R sends none")))
