"""Talking to a model, or to two of them side by side."""

from collections.abc import Iterable
from typing import ClassVar

from msgspec.structs import replace
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer

from velocity_local.client.errors import ClientError
from velocity_local.core.conversations import Attachment, Conversation, Parameters, Turn, markdown
from velocity_local.core.printable import printable
from velocity_local.wire.http.conversations import ConversationChange
from velocity_tui import conversation as talk
from velocity_tui import files, timings
from velocity_tui.collecting import hold_full_collections, release_full_collections
from velocity_tui.screens import chat_keys
from velocity_tui.screens.ask import AskText
from velocity_tui.screens.choose import Choose
from velocity_tui.screens.parameters import EditParameters
from velocity_tui.screens.shelving import Shelving
from velocity_tui.state import Snapshot
from velocity_tui.widgets.draft import Draft
from velocity_tui.widgets.enclosures import Enclosures
from velocity_tui.widgets.shelf import Shelf
from velocity_tui.widgets.side import Side
from velocity_tui.widgets.sides import Sides, last, last_with_branches
from velocity_tui.widgets.turns import AgainAsked, BranchAsked, EditAsked

UPDATES_PER_S = 20
_SAVE_AS = "conversation.md"
_NEED_TURNS = {"edit", "again", "new", "save", "branch"}


class ChatScreen(Shelving):
    """The sides hold the conversations; the screen asks for answers and has all kept."""

    MODE = "chat"
    CSS_PATH = "chat.tcss"
    AUTO_FOCUS = "#draft"
    BINDINGS: ClassVar[list[BindingType]] = chat_keys.BINDINGS

    def __init__(self) -> None:
        super().__init__()
        self.parameters = Parameters()
        self._editing: dict[Side, Turn] = {}
        self._timer: Timer | None = None

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="talk"):
            yield Shelf()
            with Vertical(id="main"):
                yield Sides(self._fresh())
                yield Enclosures()
                yield Draft()

    def on_mount(self) -> None:
        self._timer = self.set_interval(1 / UPDATES_PER_S, self._pump, pause=True)

    def on_unmount(self) -> None:
        release_full_collections()

    def show(self, snapshot: Snapshot) -> None:
        super().show(snapshot)
        ready = (worker.model for worker in snapshot.workers if worker.state == "ready")
        first = self.sides.first
        if first.model is None:
            first.model = next(ready, None)
            self._tell_with_whom()
        self.sides.show(snapshot)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would do nothing are not offered."""
        if not self.query(Sides):
            return action not in _NEED_TURNS
        if action == "stop":
            return self.is_answering or bool(self._editing)
        if action == "detach":
            return bool(self.query_one(Enclosures).files)
        if action in _NEED_TURNS:
            return bool(self.conversation.turns)
        return super().check_action(action, parameters)

    @property
    def sides(self) -> Sides:
        return self.query_one(Sides)

    @property
    def conversation(self) -> Conversation:
        """That of the first side."""
        return self.sides.first.conversation

    @property
    def current(self) -> str:
        return self.conversation.id

    @property
    def is_answering(self) -> bool:
        return self.sides.is_answering

    def talk_to(self, model: str) -> None:
        self._talk_to(self.sides.first, model)

    async def open_conversation(self, conversation: Conversation) -> None:
        if self._refuse_while_answering():
            return
        self._editing.clear()
        await self.sides.close_second()
        self.parameters = conversation.parameters
        first = self.sides.first
        first.model = conversation.model or first.model
        await first.open(conversation)
        self._tell_with_whom()
        self.query_one(Draft).focus()

    async def begin_conversation(self) -> None:
        for side in self.sides.all:
            await side.open(self._fresh())
        self._editing.clear()
        self._tell_with_whom()

    async def on_draft_submitted(self, message: Draft.Submitted) -> None:
        if self._refuse_while_answering():
            return
        asked = self._editing or {
            side: Turn("", side.conversation.head, "user", "") for side in self.sides.all
        }
        done = [
            await self._ask(side, turn.parent, message.text, turn.attachments)
            for side, turn in asked.items()
        ]
        if all(done):
            self._editing.clear()
            self.query_one(Enclosures).clear()
            self.query_one(Draft).take(message.text)
            self._tell_with_whom()

    async def on_side_answered(self, message: Side.Answered) -> None:
        if not self.is_answering and self._timer is not None:
            self._timer.pause()
            release_full_collections()
        self.refresh_bindings()
        self._measure(message.side, message.side.conversation, message.turn)

    def on_edit_asked(self, message: EditAsked) -> None:
        side = self.sides.with_turn(message.turn)
        self._edit({side: side.conversation.turn(message.turn)})

    async def on_again_asked(self, message: AgainAsked) -> None:
        side = self.sides.with_turn(message.turn)
        await self._answer_again(side, side.conversation.turn(message.turn).parent)

    async def on_branch_asked(self, message: BranchAsked) -> None:
        await self._switch(self.sides.with_turn(message.turn), message.turn, message.by)

    def action_edit(self) -> None:
        self._edit({side: turn for side in self.sides.all if (turn := last(side, "user"))})

    async def action_again(self) -> None:
        for side in self.sides.all:
            question = last(side, "user")
            if question is not None:
                await self._answer_again(side, question.id)

    async def action_branch(self, by: int) -> None:
        for side in self.sides.all:
            place = last_with_branches(side)
            if place is not None:
                await self._switch(side, place.turn.id, by)

    def action_stop(self) -> None:
        if self.is_answering:
            for side in self.sides.all:
                side.stop()
        elif self._editing:
            self._editing.clear()
            self.query_one(Draft).text = ""
            self._tell_with_whom()

    async def action_new(self) -> None:
        if not self._refuse_while_answering():
            await self.begin_conversation()

    def action_shelf(self) -> None:
        shelf = self.query_one(Shelf)
        shelf.toggle_class("-shown")
        if shelf.has_class("-shown"):
            self.fill_shelf()
            shelf.focus_list()
        else:
            self.query_one(Draft).focus()

    @work
    async def action_choose_model(self) -> None:
        side = self.sides.focused
        chosen = await self._choose_model("Talk to", side.model)
        if chosen is not None:
            self._talk_to(side, chosen)

    @work
    async def action_beside(self) -> None:
        """A second side begins with what has been said on the first."""
        if self._refuse_while_answering():
            return
        if len(self.sides.all) > 1:
            self._editing.clear()
            await self.sides.close_second()
            self._tell_with_whom()
            return
        model = await self._choose_model("Ask beside", None)
        if model is None:
            return
        await self.sides.open_second(self.session.new_id("conv-"), model)
        self._tell_with_whom()
        self.query_one(Draft).focus()

    @work
    async def action_parameters(self) -> None:
        chosen = await self.app.push_screen_wait(EditParameters(self.parameters))
        if chosen is None:
            return
        self.parameters = chosen
        for side in self.sides.all:
            side.conversation = replace(side.conversation, parameters=chosen)
            change = ConversationChange(parameters=chosen)
            self.session.keeping.change(side.conversation.id, change)
        self._tell_with_whom()

    @work
    async def action_attach(self) -> None:
        given = await self.app.push_screen_wait(
            AskText("Attach a text file", placeholder="its path", check=_wrong_with)
        )
        enclosures = self.query_one(Enclosures)
        if given is not None and len(enclosures.files) < files.MAX_ATTACHMENTS:
            enclosures.add(files.attachment(given))
            self.refresh_bindings()

    def action_detach(self) -> None:
        self.query_one(Enclosures).clear()
        self.refresh_bindings()

    @work
    async def action_save(self) -> None:
        given = await self.app.push_screen_wait(AskText("Save as (.md or .json)", value=_SAVE_AS))
        if given is not None:
            conversation = self.sides.focused.conversation
            is_json = given.endswith(".json")
            page = talk.as_json(conversation) if is_json else markdown(conversation).encode()
            self.velocity.save(given, page)

    async def _ask(
        self, side: Side, parent: str | None, text: str, attached: Iterable[Attachment]
    ) -> bool:
        """Put a question below `parent`; False, and nothing changed, if it cannot be."""
        question = Turn(
            self.session.new_id("turn-"),
            parent,
            "user",
            text,
            attachments=(*attached, *self.query_one(Enclosures).files),
        )
        return await self._answer(side, talk.added(side.conversation, question))

    async def _answer_again(self, side: Side, question: str | None) -> None:
        if question is not None and not (side.is_answering and self._refuse_while_answering()):
            await self._answer(side, replace(side.conversation, head=question))

    async def _answer(self, side: Side, asked: Conversation) -> bool:
        """Ask for an answer to the head of `asked`."""
        if side.model is None:
            self.notify("No model is loaded; F2 chooses one.", severity="warning")
            return False
        asked = replace(asked, model=side.model, parameters=self.parameters)
        try:
            answering = self.session.answer(talk.request(asked, side.model, self.parameters))
        except ClientError as error:
            self.notify(printable(str(error)), severity="error", markup=False)
            return False
        self.session.keeping.keep(asked)
        answer = Turn(self.session.new_id("turn-"), asked.head, "assistant", "", model=side.model)
        side.conversation = asked
        await side.answer(answering, answer)
        side.show(self.velocity.snapshot)
        assert self._timer is not None
        self._timer.resume()
        hold_full_collections()
        self.refresh_bindings()
        return True

    async def _pump(self) -> None:
        for side in self.sides.all:
            await side.pump()

    @work
    async def _measure(self, side: Side, conversation: Conversation, turn: Turn) -> None:
        """Put the engine's own figures below an answer, and keep it."""
        if turn.request_id is not None:
            try:
                row = await self.session.request(turn.request_id)
            except ClientError:
                turn = replace(turn, note="its figures could not be had")
            else:
                turn = replace(turn, note=timings.told(row))
            side.measured(turn)
        self.session.keeping.keep(talk.changed(conversation, turn))

    async def _switch(self, side: Side, turn: str, by: int) -> None:
        if self._refuse_while_answering():
            return
        conversation = talk.switched(side.conversation, turn, by)
        await side.open(conversation)
        change = ConversationChange(head=conversation.head)
        self.session.keeping.change(conversation.id, change)

    def _edit(self, questions: dict[Side, Turn]) -> None:
        """A draft that is being written is not overwritten."""
        draft = self.query_one(Draft)
        if draft.text.strip() and not self._editing:
            self.notify("Send or clear what you are writing first.", severity="warning")
        elif questions:
            self._editing = questions
            draft.write(next(iter(questions.values())).text)
            self._tell_with_whom()

    async def _choose_model(self, title: str, current: str | None) -> str | None:
        models = await self.attempt(self.session.models())
        able = [] if models is None else [model.id for model in models if not model.is_embedding]
        if not able:
            return None
        return await self.app.push_screen_wait(Choose(title, able, current=current))

    def _talk_to(self, side: Side, model: str) -> None:
        side.model = model
        self._tell_with_whom()
        self.query_one(Draft).focus()

    def _fresh(self) -> Conversation:
        return Conversation(self.session.new_id("conv-"), parameters=self.parameters)

    def _refuse_while_answering(self) -> bool:
        if self.is_answering:
            self.notify("An answer is on its way; Esc ends it.", severity="warning")
        return self.is_answering

    def _tell_with_whom(self) -> None:
        self.sides.tell(self.parameters, editing=self._editing)
        self.refresh_bindings()


def _wrong_with(name: str) -> str:
    try:
        files.attachment(name)
    except files.NotText as error:
        return str(error)
    return ""
