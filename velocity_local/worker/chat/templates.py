"""Chat templates with the semantics of Hugging Face's `apply_chat_template`.

Imported only by the renderer process: a template is a hostile program, and this module bounds
what it can reach but not what it can spend.
https://huggingface.co/docs/transformers/chat_templating_writing
"""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from velocity_local.core.messages import Message, ToolCall
from velocity_local.worker.chat.conversation import TemplateKnowledge, message_dicts

MAX_OUTPUT_CHARS = 16 * 1024 * 1024
# The mark and its blank are transformers' own: templates may look for them.
CONTINUE_MARK = "CONTINUE_FINAL_MESSAGE_TAG "
# What a template's own expressions can raise.
_FAULTS = (
    jinja2.TemplateError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


class TemplateFault(Exception):
    """The template does not compile, fails, or refuses the conversation; the message says how."""


class _Generation(Extension):
    """`{% generation %}` marks the assistant's tokens for training; here it only groups."""

    tags = {"generation"}  # noqa: RUF012 - the library's own declaration

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller: Callable[[], str]) -> str:
        return caller()


# A call without text, to see whether a template can read one.
_PROBE = (Message("user", "x"), Message("assistant", tool_calls=(ToolCall("1", "f", "{}"),)))


class ChatTemplate:
    """One compiled template. `special_tokens` are given to every rendering by name.

    `knows` tells which newer shapes of messages it can read.
    """

    def __init__(
        self, source: str, special_tokens: dict[str, str], now: Callable[[], datetime]
    ) -> None:
        self._special_tokens = special_tokens
        try:
            self._template = _environment(now).from_string(source)
        except jinja2.TemplateSyntaxError as error:
            raise TemplateFault(f"line {error.lineno}: {error.message}") from error
        except _FAULTS as error:
            raise TemplateFault(_reason(error)) from error
        self.knows = TemplateKnowledge("developer" in source, self._reads_absent_content())

    def render(
        self,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]] | None,
        kwargs: dict[str, Any],
        *,
        continues_final: bool,
    ) -> str:
        """The prompt for `messages`, ending where the answer is to begin.

        Raises:
            TemplateFault: if the template fails or raises.
        """
        if continues_final:
            final = {**messages[-1], "content": (messages[-1]["content"] or "") + CONTINUE_MARK}
            messages = [*messages[:-1], final]
        context = {
            **self._special_tokens,
            **kwargs,
            "messages": messages,
            "tools": tools,
            "documents": None,
            "add_generation_prompt": not continues_final,
        }
        text = self._run(context)
        return _cut_at_mark(text) if continues_final else text

    def _reads_absent_content(self) -> bool:
        try:
            text = self.render(message_dicts(_PROBE), None, {}, continues_final=False)
        except TemplateFault:
            return False
        return "None" not in text

    def _run(self, context: dict[str, Any]) -> str:
        try:
            return "".join(_bounded(self._template.generate(context)))
        except _FAULTS as error:
            raise TemplateFault(_reason(error)) from error


def _bounded(pieces: Iterator[str]) -> Iterator[str]:
    room = MAX_OUTPUT_CHARS
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            raise TemplateFault(f"it wrote more than {MAX_OUTPUT_CHARS} characters")
        yield piece


def _environment(now: Callable[[], datetime]) -> jinja2.Environment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = lambda form: now().strftime(form)
    # Filler text is of no use to a prompt, and its function is a known way out of the sandbox.
    del environment.globals["lipsum"]
    return environment


def _to_json(
    value: Any,
    ensure_ascii: bool = False,  # noqa: FBT001, FBT002 - templates may pass it by position
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,  # noqa: FBT001, FBT002 - as above
) -> str:
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _cut_at_mark(text: str) -> str:
    """Everything before the mark; a template that trims its messages trims the cut as well."""
    at = text.rfind(CONTINUE_MARK.strip())
    if at < 0:
        raise TemplateFault("it does not print the last message, so it cannot be continued")
    return text[:at] if text.startswith(CONTINUE_MARK, at) else text[:at].rstrip()


def _reason(error: BaseException) -> str:
    return str(error)[:500] or type(error).__name__
