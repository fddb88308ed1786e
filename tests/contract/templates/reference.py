"""Hugging Face's own `apply_chat_template`, with a clock that stands still."""

import importlib
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import jinja2

from tests.contract.templates.corpus import Conversation, Turn

NOW = datetime(2026, 7, 4, 12, tzinfo=UTC)
SPECIAL_TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
_REFUSALS = (
    jinja2.TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


class _Noon(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> "_Noon":
        return cls.combine(NOW.date(), NOW.timetz())


class Reference:
    """A tokenizer that knows no words; it is only asked for texts."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what its own imports warn of
            utils: Any = importlib.import_module("transformers.utils.chat_template_utils")
            tokenizers = importlib.import_module("tokenizers")
            fast = importlib.import_module("transformers").PreTrainedTokenizerFast
            model = tokenizers.models.WordLevel({"<s>": 0, "</s>": 1}, unk_token="<s>")
            tokenizer = fast(tokenizer_object=tokenizers.Tokenizer(model), **SPECIAL_TOKENS)
        utils.datetime = _Noon
        self._apply: Callable[..., str] = tokenizer.apply_chat_template

    def render(
        self, template: str, conversation: Conversation, turns: Sequence[Turn]
    ) -> str | None:
        """The text for `turns`, which are the conversation's or its older words; None: refused."""
        try:
            return self._apply(
                list(turns),
                tools=list(conversation.tools) or None,
                chat_template=template,
                tokenize=False,
                add_generation_prompt=not conversation.continues,
                continue_final_message=conversation.continues,
                **conversation.kwargs,
            )
        except _REFUSALS:
            return None
