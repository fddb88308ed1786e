"""Holds answers to what their requests ask: makes the constraint of each choice.

Runs on a lane of its own, since compiling a grammar takes milliseconds at best.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from velocity_local.core.errors import InternalError, InvalidFormat, UnsupportedField
from velocity_local.core.formats import ToolUse
from velocity_local.core.messages import Tool
from velocity_local.core.requests import ChatPrompt, GenerationRequest
from velocity_local.worker.chat.tools.lark import quoted
from velocity_local.worker.chat.tools.parser import Dialect, Inexpressible, Offer
from velocity_local.worker.chat.tools.shapes import simpler
from velocity_local.worker.constraints.compiler import Compiler
from velocity_local.worker.constraints.gates import AfterHeader, AfterReasoning
from velocity_local.worker.constraints.grammars import either, lark_of
from velocity_local.worker.constraints.marks import Inner
from velocity_local.worker.constraints.schemas import enforceable, with_options
from velocity_local.worker.constraints.triggers import AfterTrigger
from velocity_local.worker.constraints.vocabulary import Vocabulary
from velocity_local.worker.engine.backend import Tokenizer
from velocity_local.worker.engine.constraint import Constraint
from velocity_local.worker.engine.sequence import SequenceSpec

ANY_OBJECT: dict[str, Any] = {"type": "object"}


class Situation(NamedTuple):
    """What a model may do before it answers, and how it writes tool calls.

    It may think between one of `opening` and one of `closing`, if it has such marks; with
    `is_reasoning` the prompt begins that.
    """

    opening: tuple[str, ...]
    closing: tuple[str, ...]
    is_reasoning: bool
    dialect: Dialect | None
    answer: tuple[str, str] = ("", "")
    breaks: tuple[str, ...] = ()


class Constraining:
    """Belongs to one thread, but for `start`."""

    def __init__(self, tokenizer: Tokenizer, shown: Callable[[int], bytes]) -> None:
        """`shown` is a token's text as the answer's readers see it."""
        self._tokenizer = tokenizer
        self._vocabulary = Vocabulary(tokenizer, shown, control=tokenizer.control_tokens)
        self._compiler = Compiler(self._vocabulary)

    def start(self) -> None:
        """Begin to build the vocabulary's trie; nobody has to wait for it but who needs it."""
        self._vocabulary.start()

    def warm_up(self) -> None:
        """Wait until the trie is there."""
        self._vocabulary.trie()

    def close(self) -> None:
        """The tokenizer is about to go."""
        self._vocabulary.close()

    def apply(
        self, request: GenerationRequest, specs: Sequence[SequenceSpec], situation: Situation
    ) -> tuple[SequenceSpec, ...]:
        """The specs, each with a constraint that stands after what was emitted.

        Raises:
            VelocityError: if the format or a tool's schema cannot be enforced.
        """
        inner = self._inner(request, situation)
        return tuple(
            spec._replace(constraint=self._standing(inner.copy(), situation, spec.emitted))
            for spec in specs
        )

    def _inner(self, request: GenerationRequest, situation: Situation) -> Inner:
        """What the answer proper must be."""
        tools = offered(request)
        if not tools:
            assert request.format is not None
            answer = self._compiler.constraint(lark_of(request.format), request.format.param)
            return self._headed(answer, situation)
        dialect = situation.dialect
        assert dialect is not None, "tools without a dialect are refused with the prompt"
        calls = self._calls(tools, request.tool_use, dialect)
        if request.format is not None and not request.tool_use.is_required:
            source = either(calls, lark_of(request.format))
            return self._headed(self._compiler.constraint(source, "tools"), situation)
        constraint = self._compiler.constraint(calls, "tools")
        if request.tool_use.is_required:
            return constraint
        return AfterTrigger(
            constraint,
            self._vocabulary,
            triggers=dialect.TRIGGERS,
            openers=dialect.OPENERS,
        )

    def _headed(self, inner: Inner, situation: Situation) -> Inner:
        """The same behind the header of an answer proper, if the model writes one."""
        start, header = situation.answer
        if not header:
            return inner
        headers = tuple(dict.fromkeys((f"{start}{header}", header)))
        return AfterHeader(inner, self._vocabulary, headers=headers)

    def _calls(self, tools: Sequence[Tool], use: ToolUse, dialect: Dialect) -> str:
        offers = [
            self._offer(tool, f"tools[{i}].function.parameters")
            for i, tool in enumerate(tools)
            if not use.only or tool.name in use.only
        ]
        fitted = [self._fitted(offer, dialect, tools) for offer in offers]
        return dialect.grammar(fitted, parallel=use.is_parallel, mark=self._mark)

    def _fitted(self, offer: Offer, dialect: Dialect, tools: Sequence[Tool]) -> Offer:
        """The offer, with as much of its schema as the dialect's form can be held to.

        Raises:
            Inexpressible: if the tool is strict and that is not all of it, or if not even the
                names of its arguments can be written.
        """
        is_strict = any(tool.strict for tool in tools if tool.name == offer.name)
        for schema in simpler(offer.parameters_schema):
            fitted = offer._replace(parameters_schema=schema)
            try:
                dialect.grammar([fitted], parallel=False, mark=self._mark)
            except Inexpressible as error:
                refused = error
                if is_strict:
                    break
            else:
                return fitted
        raise refused

    def _offer(self, tool: Tool, param: str) -> Offer:
        """The tool with a schema that is enforced.

        If not all of it can be, a strict tool is refused; others may then be called with any
        object, which is what not being strict means.
        """
        schema = tool.parameters or {"type": "object", "properties": {}}
        try:
            checked = with_options(enforceable({"type": "object", **schema}, param))
            self._compiler.constraint(f"start: %json {json.dumps(checked)}\n", param)
        except (UnsupportedField, InvalidFormat):
            if tool.strict:
                raise
            checked = with_options(ANY_OBJECT)
        return Offer(tool.name, tool.description, checked)

    def _mark(self, text: str) -> str:
        """A marker as Lark: by its number if it is a control token, else as text."""
        token = self._vocabulary.control_token(text)
        return quoted(text) if token is None else f"<[{token}]>"

    def _standing(self, inner: Inner, situation: Situation, emitted: Sequence[int]) -> Constraint:
        constraint: Constraint = inner
        if situation.closing:
            constraint = AfterReasoning(
                inner,
                self._vocabulary,
                opening=situation.opening,
                closing=situation.closing,
                starts_inside=situation.is_reasoning,
                breaks=situation.breaks,
            )
        for token in emitted:
            if not constraint.accept(token):
                raise InternalError("an answer that was begun does not fit its format any more")
        return constraint


def is_needed(request: GenerationRequest) -> bool:
    """True if not every answer to the request would do."""
    return request.format is not None or bool(offered(request))


def offered(request: GenerationRequest) -> tuple[Tool, ...]:
    """The tools of a chat whose output is read for calls."""
    prompt = request.prompt
    return prompt.tools if isinstance(prompt, ChatPrompt) and request.parse_output else ()
