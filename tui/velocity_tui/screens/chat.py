"""Talking to a model."""

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from velocity_local.client.errors import ClientError
from velocity_local.core.printable import printable
from velocity_tui import timings
from velocity_tui.answering import Answering, Broken, Outcome, Stopped
from velocity_tui.conversation import Answer, Conversation, Parameters
from velocity_tui.screens.ask import AskText
from velocity_tui.screens.choose import Choose
from velocity_tui.screens.page import Page
from velocity_tui.screens.parameters import EditParameters
from velocity_tui.state import Snapshot
from velocity_tui.widgets.draft import Draft
from velocity_tui.widgets.transcript import Transcript
from velocity_tui.widgets.turns import Question, Reply

UPDATES_PER_S = 20
_SAVE_AS = "conversation.md"


class ChatScreen(Page):
    """Holds the conversation; the transcript shows it."""

    MODE = "chat"
    CSS_PATH = "chat.tcss"
    AUTO_FOCUS = "#draft"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop", id="chat.stop", tooltip="End the answer, keep its text"),
        Binding("f2", "choose_model", "Model", id="chat.model", tooltip="Talk to another model"),
        Binding(
            "f3",
            "parameters",
            "Parameters",
            id="chat.parameters",
            tooltip="System prompt, temperature and more",
        ),
        Binding("f4", "edit", "Edit", id="chat.edit", tooltip="Ask the last question differently"),
        Binding("f5", "again", "Again", id="chat.again", tooltip="Answer the last question again"),
        Binding("f6", "new", "New", id="chat.new", tooltip="Begin a new conversation"),
        Binding("f8", "save", "Save", id="chat.save", tooltip="Write the conversation to a file"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.conversation = Conversation()
        self.parameters = Parameters()
        self.model: str | None = None
        self._editing: int | None = None
        self._answering: Answering | None = None
        self._reply: Reply | None = None
        self._timer: Timer | None = None

    def compose_body(self) -> ComposeResult:
        yield Static("", id="chat-with", markup=False)
        yield Transcript()
        yield Draft()

    def on_mount(self) -> None:
        self._timer = self.set_interval(1 / UPDATES_PER_S, self._pump, pause=True)

    def on_unmount(self) -> None:
        if self._answering is not None:
            self._answering.stop()

    def show(self, snapshot: Snapshot) -> None:
        super().show(snapshot)
        if self.model is None:
            ready = (worker.model for worker in snapshot.workers if worker.state == "ready")
            self.model = next(ready, None)
            self._tell_with_whom()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would do nothing are not offered."""
        if action == "stop":
            return self.is_answering or self._editing is not None
        if action in {"edit", "again", "new", "save"}:
            return bool(self.conversation.exchanges)
        return super().check_action(action, parameters)

    @property
    def is_answering(self) -> bool:
        return self._answering is not None

    def talk_to(self, model: str) -> None:
        self.model = model
        self._tell_with_whom()
        self.query_one(Draft).focus()

    async def on_draft_submitted(self, message: Draft.Submitted) -> None:
        if self._editing is None:
            before = self.conversation
        else:
            before = self.conversation.until(self._editing)
        if await self._ask(before.asked(message.text)):
            self._editing = None
            self.query_one(Draft).text = ""
            self._tell_with_whom()

    def on_question_edit_asked(self, message: Question.EditAsked) -> None:
        self._edit(message.index)

    def action_edit(self) -> None:
        if self.conversation.exchanges:
            self._edit(len(self.conversation.exchanges) - 1)

    async def action_again(self) -> None:
        exchanges = self.conversation.exchanges
        if exchanges:
            before = self.conversation.until(len(exchanges) - 1)
            await self._ask(before.asked(exchanges[-1].question))

    def action_stop(self) -> None:
        if self._answering is not None:
            self._answering.stop()
        elif self._editing is not None:
            self._editing = None
            self.query_one(Draft).text = ""
            self._tell_with_whom()

    async def action_new(self) -> None:
        if not self._refuse_while_answering():
            self.conversation = Conversation()
            await self.query_one(Transcript).cut(0)
            self.refresh_bindings()

    @work
    async def action_choose_model(self) -> None:
        models = await self.attempt(self.session.models())
        able = [] if models is None else [model.id for model in models if not model.is_embedding]
        if able:
            chosen = await self.app.push_screen_wait(Choose("Talk to", able, current=self.model))
            if chosen is not None:
                self.talk_to(chosen)

    @work
    async def action_parameters(self) -> None:
        chosen = await self.app.push_screen_wait(EditParameters(self.parameters))
        if chosen is not None:
            self.parameters = chosen
            self._tell_with_whom()

    @work
    async def action_save(self) -> None:
        if not self.conversation.exchanges:
            self.notify("There is nothing to save yet.")
            return
        given = await self.app.push_screen_wait(AskText("Save as (.md or .json)", value=_SAVE_AS))
        if given is not None:
            self.velocity.save(given, self._exported(given))

    def _exported(self, name: str) -> bytes:
        model = self.model or ""
        if name.endswith(".json"):
            return self.conversation.json(model, self.parameters)
        return self.conversation.markdown(model, self.parameters).encode()

    def _edit(self, index: int) -> None:
        """A draft that is being written is not overwritten."""
        draft = self.query_one(Draft)
        if draft.text.strip() and self._editing is None:
            self.notify("Send or clear what you are writing first.", severity="warning")
            return
        self._editing = index
        draft.write(self.conversation.exchanges[index].question)
        self._tell_with_whom()

    async def _ask(self, conversation: Conversation) -> bool:
        """Ask for the answer of its last question; False, and nothing changed, if it cannot be."""
        if self._refuse_while_answering():
            return False
        if self.model is None:
            self.notify("No model is loaded; F2 chooses one.", severity="warning")
            return False
        try:
            self._answering = self.session.answer(conversation.request(self.model, self.parameters))
        except ClientError as error:
            self.notify(printable(str(error)), severity="error", markup=False)
            return False
        self.conversation = conversation
        index = len(conversation.exchanges) - 1
        transcript = self.query_one(Transcript)
        await transcript.cut(index)
        self._reply = await transcript.ask(conversation.exchanges[-1].question, index)
        assert self._timer is not None
        self._timer.resume()
        self.refresh_bindings()
        return True

    async def _pump(self) -> None:
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

    async def _finish(self, reply: Reply, outcome: Outcome) -> None:
        assert self._timer is not None
        self._timer.pause()
        self._answering = self._reply = None
        note = _note(outcome)
        await reply.close(note, is_wrong=isinstance(outcome, Broken))
        answer = Answer(reply.text, reply.reasoning, note)
        self.conversation = self.conversation.answered(answer)
        self.refresh_bindings()
        if not isinstance(outcome, Stopped | Broken):
            self._measure(reply, answer, self.conversation, outcome.id)

    @work
    async def _measure(
        self, reply: Reply, answer: Answer, asked: Conversation, request_id: str
    ) -> None:
        """Put the engine's own figures below an answer."""
        row = await self.attempt(self.session.request(request_id))
        if row is None:
            return
        note = timings.told(row)
        reply.tell(note)
        if self.conversation is asked:
            self.conversation = asked.answered(Answer(answer.text, answer.reasoning, note))

    def _refuse_while_answering(self) -> bool:
        if self.is_answering:
            self.notify("An answer is on its way; Esc ends it.", severity="warning")
        return self.is_answering

    def _tell_with_whom(self) -> None:
        about = Content.assemble(
            (printable(self.model or "no model is loaded"), "bold"),
            (f"  {printable(self.parameters.told())}", "$muted"),
            ("  editing: Enter asks again from there, Esc leaves it", "$text-warning")
            if self._editing is not None
            else "",
        )
        self.query_one("#chat-with", Static).update(about, layout=False)
        self.refresh_bindings()


def _note(outcome: Outcome) -> str:
    match outcome:
        case Stopped():
            return "stopped"
        case Broken(reason):
            return f"broke off: {reason}. F5 asks again."
        case _:
            return ""
