"""What can be asked of a model, after the dialect has been left behind."""

import msgspec

from velocity_local.core.adapters import Adapter
from velocity_local.core.formats import AnswerFormat, ToolUse
from velocity_local.core.messages import Message, Tool
from velocity_local.core.queueing import QueueTerms
from velocity_local.core.reasoning import Reasoning, Scalar
from velocity_local.core.sampling import SamplingParams


class ChatPrompt(msgspec.Struct, frozen=True, omit_defaults=True, tag="chat"):
    """Messages for the model's own template.

    If the last message is the assistant's, the answer continues it (assistant prefill).
    `template_kwargs` are scalars handed to the template, such as `enable_thinking`.
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    template_kwargs: dict[str, Scalar] = {}
    reasoning: Reasoning = Reasoning()


class TextPrompt(msgspec.Struct, frozen=True, tag="text"):
    """Raw text, tokenized with the model's special tokens recognised and its BOS added."""

    text: str


class TokenPrompt(msgspec.Struct, frozen=True, tag="tokens"):
    """Token ids, used as they are."""

    tokens: tuple[int, ...]


Prompt = ChatPrompt | TextPrompt | TokenPrompt


class GenerationRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request for text; `n` answers to one prompt share its prefill.

    `max_tokens` None means: until the model ends or the context is full.
    `top_logprobs` None means no log-probabilities; 0 means those of the chosen tokens only.
    `parse_output` splits reasoning and tool calls from the text (chat dialects).
    `deadline_s` bounds the time from submission to the last token.
    `format` and `tool_use` are enforced: no token is chosen that they do not allow.
    `adapter` changes the model's weights for this request alone.
    `keep_alive_s` says how long the model stays while nobody uses it, from then on; 0 keeps it.
    """

    id: str
    model: str
    prompt: Prompt
    sampling: SamplingParams = SamplingParams()
    n: int = 1
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    top_logprobs: int | None = None
    echo: bool = False
    parse_output: bool = False
    deadline_s: float | None = None
    format: AnswerFormat | None = None
    tool_use: ToolUse = ToolUse()
    queue: QueueTerms = QueueTerms()
    adapter: Adapter | None = None
    keep_alive_s: float | None = None


class EmbeddingRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Texts or token ids to embed; every vector is L2-normalised over `dimensions` if given."""

    id: str
    model: str
    inputs: tuple[TextPrompt | TokenPrompt, ...]
    dimensions: int | None = None
    queue: QueueTerms = QueueTerms()


class KvRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a model keeps of earlier prompts; with a `prompt`, where that parts from it, or from
    the `other` one. `forget` lets go of it first, but for what runs.
    """

    id: str
    model: str
    prompt: Prompt | None = None
    other: Prompt | None = None
    adapter: Adapter | None = None
    forget: bool = False


class TokenizeRequest(msgspec.Struct, frozen=True):
    id: str
    model: str
    text: str
    add_special: bool = False
    parse_special: bool = True


class DetokenizeRequest(msgspec.Struct, frozen=True):
    id: str
    model: str
    tokens: tuple[int, ...]


class RenderRequest(msgspec.Struct, frozen=True):
    """Render a conversation with the model's template and generate nothing."""

    id: str
    model: str
    prompt: ChatPrompt
