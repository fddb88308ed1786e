"""The conversation so far, kept at its end unless somebody scrolled up."""

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from velocity_tui.widgets.turns import Question, Reply

_WELCOME = "Nothing has been said yet."


class Transcript(VerticalScroll):
    """Questions and replies in turns."""

    def compose(self) -> ComposeResult:
        yield Static(_WELCOME, id="welcome")

    def on_mount(self) -> None:
        self.anchor()

    async def ask(self, question: str, index: int) -> Reply:
        """Add a question with a reply that is to come."""
        await self.query("#welcome").remove()
        reply = Reply()
        await self.mount_all([Question(question, index), reply])
        self.anchor()
        return reply

    async def cut(self, index: int) -> None:
        """Remove question number `index` and all that is below it."""
        turns = [child for child in self.children if isinstance(child, Question | Reply)]
        for turn in turns[2 * index :]:
            await turn.remove()
        if index == 0 and not self.query("#welcome"):
            await self.mount(Static(_WELCOME, id="welcome"))
