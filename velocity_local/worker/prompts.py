"""Prompts to token ids: renders, tokenizes and checks, away from the engine's thread."""

from collections.abc import Iterable
from typing import NamedTuple

from velocity_local.core.errors import UnsupportedField
from velocity_local.core.reasoning import Scalar
from velocity_local.core.requests import ChatPrompt, Prompt, TextPrompt, TokenPrompt
from velocity_local.worker.chat import conversation
from velocity_local.worker.chat.channel_forms import framing
from velocity_local.worker.chat.channels import ChannelForm
from velocity_local.worker.chat.chatml import CHATML
from velocity_local.worker.chat.control import ControlTexts, Piece
from velocity_local.worker.chat.families import Family, family_of
from velocity_local.worker.chat.render_jobs import RenderJob
from velocity_local.worker.chat.switches import (
    BUDGET,
    EFFORTS,
    SWITCHES,
    Resolved,
    Switches,
    resolve,
)
from velocity_local.worker.chat.thinking import Block, Thinking
from velocity_local.worker.chat.tools.dialects import DIALECTS
from velocity_local.worker.engine.backend import Tokenizer
from velocity_local.worker.render_host import RenderHost


class ReadyPrompt(NamedTuple):
    """A prompt's tokens, its text where it has one, and whether it ends inside reasoning.

    `budget_tokens` is what the reasoning may have in all; None: any.
    """

    tokens: tuple[int, ...]
    text: str | None = None
    opens_reasoning: bool = False
    budget_tokens: int | None = None


class Prompts:
    """One model's way from requests to tokens."""

    def __init__(self, tokenizer: Tokenizer, host: RenderHost, families: Iterable[Family]) -> None:
        self._tokenizer = tokenizer
        self._host = host
        self._has_template = bool(tokenizer.chat_template)
        plain = tokenizer.chat_template or CHATML
        self._template = plain if tokenizer.tool_template is None else tokenizer.tool_template
        self.family = family_of(self._template, families)
        self.dialect = DIALECTS.get(self.family.tools or "")
        self._control = ControlTexts(tokenizer.control_tokens)
        host.use(plain, tokenizer.special_tokens, tokenizer.tool_template)

    @property
    def reasoning(self) -> Block | ChannelForm | None:
        """How the model marks off its reasoning, if its template knows of one."""
        return _known(self.family.thinking, self._template)

    @property
    def markers(self) -> tuple[str, ...]:
        """What must be written out of an answer for its reasoning and its calls to be seen."""
        return (
            *framing(self.family.thinking).markers,
            *(self.dialect.MARKERS if self.dialect else ()),
        )

    @property
    def control_markers(self) -> frozenset[str]:
        """Those of the markers that are control tokens of the model."""
        return frozenset(self.markers) & frozenset(self._tokenizer.control_tokens)

    def ready(self, prompt: Prompt) -> ReadyPrompt:
        """The prompt as tokens.

        A template writes its own special tokens, so none are added to what it rendered.

        Raises:
            RequestError: if a chat template fails or the request asks what it cannot do.
        """
        match prompt:
            case ChatPrompt():
                resolved = self._resolved(prompt)
                text = self._rendered(prompt, resolved.kwargs)
                pieces = self._control.pieces(text)
                tokens = self._encode_pieces(pieces)
                text = "".join(piece.text for piece in pieces)
                is_open = self._opens_reasoning(prompt, text)
                return ReadyPrompt(tokens, text, is_open, resolved.budget_tokens)
            case TextPrompt():
                return ReadyPrompt(self._encode(prompt.text, add_special=True), prompt.text)
            case TokenPrompt():
                return ReadyPrompt(prompt.tokens)

    def render(self, prompt: ChatPrompt) -> str:
        """The conversation as the model's template writes it."""
        text = self._rendered(prompt, self._resolved(prompt).kwargs)
        return "".join(piece.text for piece in self._control.pieces(text))

    def text_of(self, tokens: tuple[int, ...]) -> str:
        """Tokens as text, control tokens written out."""
        piece = self._tokenizer.piece_special
        return b"".join(piece(token) for token in tokens).decode(errors="replace")

    def _resolved(self, prompt: ChatPrompt) -> Resolved:
        """What is asked of the reasoning, as this template's variables and a budget."""
        conversation.check_kwargs(prompt.template_kwargs)
        compiled = self._host.prepare()
        switches = switches_of(
            self.family.thinking, self._template, compiled.variables, compiled.effort_levels
        )
        return resolve(prompt.reasoning, prompt.template_kwargs, switches)

    def _rendered(self, prompt: ChatPrompt, kwargs: dict[str, Scalar]) -> str:
        """The template's text, in which the control tokens of others are marked."""
        if prompt.tools:
            self._check_tools()
        messages = self._control.mark_messages(prompt.messages)
        tools = self._control.mark_tools(prompt.tools)
        is_continued = conversation.continues_final(prompt)
        return self._host.render(RenderJob(messages, tools, kwargs, is_continued))

    def _encode_pieces(self, pieces: Iterable[Piece]) -> tuple[int, ...]:
        """Each piece by itself; there are several only where someone wrote control tokens."""
        tokens: list[int] = []
        for at, piece in enumerate(pieces):
            is_first = at == 0 and not self._has_template
            tokens += self._tokenizer.encode(
                piece.text, add_special=is_first, parse_special=not piece.is_plain
            )
        return tuple(tokens)

    def _opens_reasoning(self, prompt: ChatPrompt, text: str) -> bool:
        form = framing(self.family.thinking)
        if not conversation.continues_final(prompt):
            return form.is_left_open(text)
        return isinstance(form, Block) and form.begins(prompt.messages[-1].content or "")

    def _encode(self, text: str, *, add_special: bool) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special=add_special, parse_special=True))

    def _check_tools(self) -> None:
        if "tools" not in self._template:
            raise UnsupportedField(
                "this model's chat template has no place for tools; use a model made for them",
                param="tools",
            )
        if self.dialect is None:
            raise UnsupportedField(
                "the form in which this model writes tool calls is not known; "
                "use a model of one of the known families, such as Qwen, Llama or Mistral",
                param="tools",
            )


def switches_of(
    thinking: Thinking, template: str, variables: Iterable[str], effort_levels: tuple[str, ...]
) -> Switches:
    """How the reasoning of a model with this template is steered."""
    can_be_closed = _known(thinking, template) is not None
    reads = frozenset(variables)
    reasons = can_be_closed or not reads.isdisjoint((*SWITCHES, *EFFORTS, BUDGET))
    return Switches(reads, effort_levels, reasons, can_be_closed)


def _known(thinking: Thinking, template: str) -> Block | ChannelForm | None:
    form = framing(thinking)
    return None if isinstance(form, Block) and not form.is_known_to(template) else form
