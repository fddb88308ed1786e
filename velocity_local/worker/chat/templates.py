"""Chat templates with the semantics of Hugging Face's `apply_chat_template`.

Imported only by the renderer process: a template is a hostile program, and this module bounds
what it can reach but not what it can spend.
https://huggingface.co/docs/transformers/chat_templating_writing
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2 import meta, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from velocity_local.core.reasoning import Scalar
from velocity_local.worker.chat.probes import effort_levels, knowledge_of

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


class _Dict:
    """`dict(...)` in a template, without the class behind it."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args)


class _Namespace(jinja2.utils.Namespace):
    """`namespace(...)` in a template, without names that begin with an underscore."""

    # Without parameters of its own, so that a template may name an attribute `self`.
    def __init__(*args: Any, **kwargs: Any) -> None:
        self, *rest = args
        attributes = dict(*rest, **kwargs)
        for name in attributes:
            _check_name(name)
        jinja2.utils.Namespace.__init__(self, attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name)
        super().__setitem__(name, value)


def _check_name(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.exceptions.SecurityError(f"a namespace holds no {name!r}; rename it")


class ChatTemplate:
    """One compiled template. `special_tokens` are given to every rendering by name.

    `knows` tells which newer shapes of messages it can read, `variables` what else it asks for,
    `effort_levels` the words it takes for reasoning effort.
    """

    def __init__(
        self, source: str, special_tokens: dict[str, str], now: Callable[[], datetime]
    ) -> None:
        self._special_tokens = special_tokens
        environment = _environment(now)
        try:
            parsed = environment.parse(source)
            self.variables = frozenset(meta.find_undeclared_variables(parsed))
            self._template = environment.from_string(parsed)
        except jinja2.TemplateSyntaxError as error:
            raise TemplateFault(f"line {error.lineno}: {error.message}") from error
        except _FAULTS as error:
            raise TemplateFault(_reason(error)) from error
        self.knows = knowledge_of(source, self._probe)
        self.effort_levels = effort_levels(self.variables, self._probe)

    def render(
        self,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]] | None,
        kwargs: Mapping[str, Scalar],
        *,
        continues_final: bool,
    ) -> str:
        """The prompt for `messages`, ending where the answer is to begin.

        Raises:
            TemplateFault: if the template fails or raises.
        """
        if continues_final:
            messages = [*messages[:-1], _marked(messages[-1])]
        context = {
            **self._special_tokens,
            **kwargs,
            "messages": messages,
            "tools": tools,
            "documents": None,
            "add_generation_prompt": not continues_final,
        }
        text = self._run(context)
        return _cut_at_mark(text, messages[-1]) if continues_final else text

    def _probe(
        self,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]] | None,
        kwargs: Mapping[str, Scalar],
    ) -> str | None:
        try:
            return self.render(messages, tools, kwargs, continues_final=False)
        except TemplateFault:
            return None

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
    environment.globals["dict"] = _Dict()
    environment.globals["namespace"] = _Namespace
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


def _marked(final: dict[str, Any]) -> dict[str, Any]:
    """The last message with the mark at the end of its text."""
    content = final.get("content")
    if content is None or final.get("tool_calls"):
        raise TemplateFault("the last message has no text that could be continued")
    if isinstance(content, str):
        return {**final, "content": content + CONTINUE_MARK}
    last = {**content[-1], "text": content[-1]["text"] + CONTINUE_MARK}
    return {**final, "content": [*content[:-1], last]}


def _cut_at_mark(text: str, marked: dict[str, Any]) -> str:
    """Everything before the mark; a template that trims its messages trims the cut as well."""
    content = marked["content"]
    continued = content if isinstance(content, str) else content[-1]["text"]
    at = text.rfind(CONTINUE_MARK.strip())
    if at < 0 or continued.removesuffix(CONTINUE_MARK).strip() not in text:
        raise TemplateFault("it does not print the last message, so it cannot be continued")
    return text[:at] if text.startswith(CONTINUE_MARK, at) else text[:at].rstrip()


def _reason(error: BaseException) -> str:
    return str(error)[:500] or type(error).__name__
