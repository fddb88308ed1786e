"""The verb chat: a conversation on the terminal."""

import importlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from velocity_local.cli import answer
from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.models import first_ready
from velocity_local.client.chat import ChatRequest, Turn
from velocity_local.client.errors import ClientError
from velocity_local.client.http import HttpClient

_PROMPT = ">>> "
_SETTINGS: dict[str, Callable[[str], object]] = {
    "temperature": float,
    "top_p": float,
    "max_tokens": int,
    "seed": int,
}
_HELP = """\
/clear            forget the conversation
/retry            answer the last message again
/system TEXT      change the system prompt; without TEXT remove it
/model ID         go on with another model
/set NAME VALUE   temperature, top_p, max_tokens or seed; without VALUE the default
/save FILE        write the conversation as JSON
/help             this list
/exit             leave, as does Ctrl-D"""


def chat(call: Call) -> int:
    """Talk until the person leaves."""
    client = call.connect()
    model = call.args.model or first_ready(client)
    if model is None:
        raise CliError("no model is loaded", next_step="velocity-local list")
    with suppress(ImportError):
        importlib.import_module("readline")  # line editing, where Python has it
    call.out.note(f"{model}. /help lists commands; Ctrl-C stops an answer, Ctrl-D leaves.")
    conversation = Conversation(call, client, model)
    while conversation.is_open:
        try:
            conversation.take(call.out.ask(_PROMPT))
        except KeyboardInterrupt:
            call.out.note("\n(Ctrl-D or /exit leaves)")
        except EOFError:
            call.out.line()
            break
    return Exit.OK


class Conversation:
    """The turns so far, and what the next request is made with."""

    def __init__(self, call: Call, client: HttpClient, model: str) -> None:
        self._out = call.out
        self._client = client
        self._is_verbose = bool(call.args.verbose)
        self._model = model
        self._system: str | None = call.args.system
        self._turns: list[Turn] = []
        self._options = {name: getattr(call.args, name) for name in _SETTINGS}
        self.is_open = True

    def take(self, line: str) -> None:
        """A message, or a command that begins with a slash."""
        text = line.strip()
        if text.startswith("/"):
            self._command(text)
        elif text:
            self._say(text)

    def request(self) -> ChatRequest:
        system = (Turn("system", self._system),) if self._system else ()
        return ChatRequest(self._model, (*system, *self._turns), **self._options)

    def _say(self, text: str) -> None:
        self._turns.append(Turn("user", text))
        self._answer()

    def _answer(self) -> None:
        try:
            given = answer.show(self._client, self.request(), self._out, stoppable=True)
        except ClientError as error:
            self._turns.pop()
            self._out.error(str(error))
            return
        self._turns.append(Turn("assistant", given.text))
        if self._is_verbose:
            self._out.note(answer.summary(given))

    def _command(self, text: str) -> None:
        name, _, rest = text.partition(" ")
        command = _COMMANDS.get(name)
        if command is None:
            self._out.note(f"{name} is no command here; /help lists them")
        else:
            command(self, rest.strip())

    def help(self, _: str) -> None:
        self._out.note(_HELP)

    def leave(self, _: str) -> None:
        self.is_open = False

    def clear(self, _: str) -> None:
        self._turns.clear()
        self._out.note("Forgotten.")

    def retry(self, _: str) -> None:
        if not self._turns:
            self._out.note("There is nothing to answer yet.")
            return
        self._turns.pop()
        self._answer()

    def set_system(self, text: str) -> None:
        self._system = text or None

    def set_model(self, name: str) -> None:
        if name:
            self._model = name
        self._out.note(f"model: {self._model}")

    def set_option(self, text: str) -> None:
        name, _, value = text.partition(" ")
        parse = _SETTINGS.get(name)
        if parse is None:
            self._out.note(f"/set knows {', '.join(_SETTINGS)}")
            return
        try:
            self._options[name] = parse(value) if value else None
        except ValueError:
            self._out.note(f"{value!r} is no number")

    def save(self, text: str) -> None:
        if not text:
            self._out.note("/save needs a file name")
            return
        path = Path(text).expanduser()
        try:
            path.write_bytes(msgspec.json.format(msgspec.json.encode(self.request().messages)))
        except OSError as error:
            self._out.error(f"cannot write {path}: {error.strerror}")
        else:
            self._out.note(f"Saved to {path}.")


_COMMANDS: dict[str, Callable[[Conversation, str], None]] = {
    "/help": Conversation.help,
    "/?": Conversation.help,
    "/exit": Conversation.leave,
    "/bye": Conversation.leave,
    "/quit": Conversation.leave,
    "/clear": Conversation.clear,
    "/retry": Conversation.retry,
    "/system": Conversation.set_system,
    "/model": Conversation.set_model,
    "/set": Conversation.set_option,
    "/save": Conversation.save,
}
