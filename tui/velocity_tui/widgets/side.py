"""One conversation with one model: its name, its transcript, and the answer that comes."""

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from velocity_local.core.conversations import Conversation, Parameters, Turn
from velocity_local.core.printable import printable
from velocity_tui import conversation as talk
from velocity_tui import waiting
from velocity_tui.answering import Answering, Broken, Outcome, Stopped
from velocity_tui.state import Snapshot
from velocity_tui.widgets.transcript import Transcript
from velocity_tui.widgets.turns import Reply


class Side(Vertical):
    """Holds the conversation; the transcript shows it."""

    class Answered(Message):
        """The answer `turn` has ended; `request_id` is known if it is complete."""

        def __init__(self, side: "Side", turn: Turn, request_id: str | None) -> None:
            super().__init__()
            self.side = side
            self.turn = turn
            self.request_id = request_id

    def __init__(self, conversation: Conversation, model: str | None = None) -> None:
        super().__init__()
        self.conversation = conversation
        self.model = model
        self._transcript = Transcript()
        self._about = Static("", classes="about", markup=False)
        self._answering: Answering | None = None
        self._reply: Reply | None = None

    def compose(self) -> ComposeResult:
        yield self._about
        yield self._transcript

    def on_unmount(self) -> None:
        self.stop()

    @property
    def is_answering(self) -> bool:
        return self._answering is not None

    @property
    def transcript(self) -> Transcript:
        return self._transcript

    def tell(self, parameters: Parameters, *, is_editing: bool = False) -> None:
        """Say who answers, and how it is asked."""
        self._about.update(
            Content.assemble(
                (printable(self.model or "no model is loaded"), "bold"),
                (f"  {printable(talk.told(parameters))}", "$muted"),
                ("  editing: Enter asks again from there, Esc leaves it", "$text-warning")
                if is_editing
                else "",
            ),
            layout=False,
        )

    def show(self, snapshot: Snapshot) -> None:
        """Tell what an answer waits for."""
        if self._reply is not None:
            self._reply.wait_for(waiting.told(snapshot, self.model or ""))

    async def open(self, conversation: Conversation) -> None:
        """Show this one."""
        self.conversation = conversation
        await self._transcript.show(talk.places(conversation))

    async def answer(self, answering: Answering, turn: Turn) -> None:
        """Show `turn`, an answer that has no text yet, as it comes."""
        await self.open(talk.added(self.conversation, turn))
        self._answering = answering
        self._reply = self._transcript.reply(turn.id)

    def stop(self) -> None:
        """Its text so far is kept."""
        if self._answering is not None:
            self._answering.stop()

    async def pump(self) -> None:
        """Show what has come since the last look."""
        if self._answering is None or self._reply is None:
            return
        pieces, outcome = self._answering.take()
        if pieces:
            text = "".join(piece.text for piece in pieces if not piece.is_reasoning)
            reasoning = "".join(piece.text for piece in pieces if piece.is_reasoning)
            await self._reply.add(text, reasoning)
        if outcome is not None:
            await self._finish(self._reply, outcome)

    def measured(self, turn: Turn) -> None:
        """The engine's own figures of an answer have come."""
        self.conversation = talk.changed(self.conversation, turn)
        for shown in self._transcript.shown:
            if isinstance(shown, Reply) and shown.turn.id == turn.id:
                shown.tell(turn.note)

    async def _finish(self, reply: Reply, outcome: Outcome) -> None:
        note = _note(outcome)
        await reply.close(note, is_wrong=isinstance(outcome, Broken))
        turn = replace(
            reply.turn,
            text=reply.text,
            reasoning=reply.reasoning,
            note=note,
            request_id=None if isinstance(outcome, Stopped | Broken) else outcome.id,
        )
        self.conversation = talk.changed(self.conversation, turn)
        self._answering = self._reply = None
        self.post_message(self.Answered(self, turn, turn.request_id))


def _note(outcome: Outcome) -> str:
    match outcome:
        case Stopped():
            return "stopped"
        case Broken(reason):
            return f"{talk.BROKE_OFF}: {reason}. F5 asks again."
        case _:
            return ""
