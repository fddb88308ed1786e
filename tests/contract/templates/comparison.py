"""One template, one conversation: our text beside the reference's."""

import hashlib
import json
from enum import StrEnum
from typing import Any, NamedTuple

from tests.contract.templates.corpus import Conversation, Turn, conversations
from tests.contract.templates.reference import Reference
from velocity_local.worker.chat.conversation import (
    TemplateKnowledge,
    message_dicts,
    tool_dicts,
)
from velocity_local.worker.chat.templates import ChatTemplate, TemplateFault

CONVERSATIONS = conversations()


class Verdict(StrEnum):
    """`OLDER`: equal once the conversation is told in the older words that the template knows."""

    EQUAL = "equal"
    OLDER = "equal in older words"
    REFUSED = "refused by both"
    DIFFERENT = "different"


class Comparison(NamedTuple):
    verdict: Verdict
    ours: str | None
    theirs: str | None
    as_sent: str | None


def compare(source: str, template: ChatTemplate, reference: Reference) -> dict[str, Comparison]:
    """All conversations by name, with one template."""
    return {talk.name: _compare(source, template, talk, reference) for talk in CONVERSATIONS}


def _compare(
    source: str, template: ChatTemplate, conversation: Conversation, reference: Reference
) -> Comparison:
    ours = _ours(template, conversation)
    as_sent = reference.render(source, conversation, conversation.turns)
    older = _in_older_words(conversation.turns, template.knows)
    if older == list(conversation.turns):
        theirs = as_sent
        verdict = Verdict.EQUAL if theirs is not None else Verdict.REFUSED
    else:
        theirs = reference.render(source, conversation, older)
        verdict = Verdict.OLDER if theirs is not None else Verdict.REFUSED
        verdict = Verdict.EQUAL if theirs is not None and theirs == as_sent else verdict
    if ours != theirs:
        verdict = Verdict.DIFFERENT
    return Comparison(verdict, ours, theirs, as_sent)


def _ours(template: ChatTemplate, conversation: Conversation) -> str | None:
    try:
        return template.render(
            message_dicts(conversation.sent_messages, template.knows),
            tool_dicts(conversation.sent_tools),
            conversation.kwargs,
            continues_final=conversation.continues,
        )
    except TemplateFault:
        return None


def _in_older_words(turns: tuple[Turn, ...], knows: TemplateKnowledge) -> list[Turn]:
    return [_in_older_word(turn, knows) for turn in turns]


def _in_older_word(turn: Turn, knows: TemplateKnowledge) -> Turn:
    older = dict(turn)
    if turn["role"] == "developer" and not knows.developer:
        older["role"] = "system"
    if turn["content"] is None and not knows.absent_content:
        older["content"] = ""
    if isinstance(turn["content"], list) and not knows.parts:
        older["content"] = "\n".join(part["text"] for part in turn["content"])
    if "tool_calls" in turn:
        older["tool_calls"] = [_older_call(call, knows) for call in turn["tool_calls"]]
    if "tool_call_id" in turn:
        older["tool_call_id"] = _older_id(turn["tool_call_id"], knows)
    return older


def _older_call(call: dict[str, Any], knows: TemplateKnowledge) -> dict[str, Any]:
    function = dict(call["function"])
    if not knows.object_arguments:
        function["arguments"] = json.dumps(function["arguments"], ensure_ascii=False)
    return {**call, "id": _older_id(call["id"], knows), "function": function}


def _older_id(sent: str, knows: TemplateKnowledge) -> str:
    if knows.long_call_ids or len(sent) == 9:
        return sent
    return hashlib.blake2b(sent.encode(), digest_size=8).hexdigest()[:9]


def shows_a_need(as_sent: str | None, conversation: Conversation) -> bool:
    """Whether the reference, given the newer words, refused or wrote what no model should read."""
    if as_sent is None or "None" in as_sent:
        return True
    lists = [turn["content"] for turn in conversation.turns if isinstance(turn["content"], list)]
    if any(str(parts) in as_sent or json.dumps(parts) in as_sent for parts in lists):
        return True
    if not all(part["text"].strip() in as_sent for parts in lists for part in parts):
        return True
    return any(turn["role"] == "developer" for turn in conversation.turns)
