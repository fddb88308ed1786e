"""What models keep of earlier prompts, over HTTP."""

import msgspec

from velocity_local.core.kv import KvEntry, KvMatch, KvState
from velocity_local.core.reasoning import Effort, Scalar
from velocity_local.wire.http.openai_messages import AnyMessage, AnyTool


class KvItem(msgspec.Struct, frozen=True):
    """One loaded model. `ram_limit_bytes` is 0 if nothing is kept off the device."""

    model: str
    entries: tuple[KvEntry, ...]
    ram_used_bytes: int
    ram_limit_bytes: int

    @classmethod
    def of(cls, model: str, state: KvState) -> "KvItem":
        return cls(model, state.entries, state.ram_used_bytes, state.ram_limit_bytes)


class KvList(msgspec.Struct, frozen=True):
    """`disk_bytes` are those of all models, loaded or not."""

    items: tuple[KvItem, ...]
    disk_bytes: int
    disk_limit_bytes: int


class PromptAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A chat's `messages`, or a `prompt` that is a text; as a request would send them."""

    messages: list[AnyMessage] | None = None
    prompt: str | None = None
    tools: list[AnyTool] | None = None
    chat_template_kwargs: dict[str, Scalar] | None = None
    reasoning_effort: Effort | None = None


class ExplainAsk(PromptAsk, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /api/v1/cache/explain`; with `other`, the two prompts are compared."""

    model: str
    other: PromptAsk | None = None


class Explanation(msgspec.Struct, frozen=True):
    """Where two prompts part; `reason` says it in words."""

    match: KvMatch
    reason: str
