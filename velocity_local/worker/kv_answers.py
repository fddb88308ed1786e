"""Tells what is kept of earlier prompts, and where a prompt parts from it."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from velocity_local.core.kv import KvEntry, KvMatch, KvState, Tier
from velocity_local.worker.engine.cache import KvCache
from velocity_local.worker.engine.radix import common_length
from velocity_local.worker.states.tiers import StateTiers

_SHOWN_TOKENS = 24


class KvQuestion(NamedTuple):
    """Prompts as tokens, once a lane has rendered them; None: just tell what is kept."""

    handle: int
    prompt: list[int] | None
    other: list[int] | None
    space: str
    forget: bool = False


class _Kept(NamedTuple):
    tier: Tier
    tokens: list[int]
    start: int
    n_bytes: int
    space: str
    is_running: bool = False


class KvAnswers:
    """Belongs to the engine's thread."""

    def __init__(
        self,
        cache: KvCache,
        tiers: StateTiers,
        *,
        text_of: Callable[[tuple[int, ...]], str],
        cell_bytes: int,
    ) -> None:
        self._cache = cache
        self._tiers = tiers
        self._text_of = text_of
        self._cell_bytes = cell_bytes

    def answer(self, question: KvQuestion) -> KvState:
        if question.forget:
            self._cache.forget()
            self._tiers.forget()
        kept = list(self._kept())
        match = None
        if question.prompt is not None:
            match = self._match(question.prompt, question.other, question.space, kept)
        entries = tuple(self._entry(one) for one in kept)
        states = self._cache.states
        return KvState(entries, states.used_bytes, states.limit_bytes, match)

    def _kept(self) -> Iterable[_Kept]:
        for tokens, space, is_running in self._cache.known():
            n_bytes = len(tokens) * self._cell_bytes
            yield _Kept("device", tokens, 0, n_bytes, space, is_running)
        for kept in self._cache.states.entries():
            yield _Kept("memory", kept.tokens, kept.start, kept.n_bytes, kept.space)
        for listed in self._tiers.on_disk():
            head = listed.head
            yield _Kept("disk", listed.tokens, head.start, head.n_bytes, head.space)

    def _entry(self, kept: _Kept) -> KvEntry:
        begins = self._text_of(tuple(kept.tokens[:_SHOWN_TOKENS]))
        return KvEntry(
            kept.tier,
            len(kept.tokens),
            kept.start,
            kept.n_bytes,
            kept.space,
            kept.is_running,
            begins,
        )

    def _match(
        self, prompt: list[int], other: list[int] | None, space: str, kept: list[_Kept]
    ) -> KvMatch:
        tier: Tier | None = None
        if other is None:
            near = [one for one in kept if one.space == space]
            nearest = max(near, key=lambda one: common_length(prompt, one.tokens), default=None)
            other = [] if nearest is None else nearest.tokens
            tier = None if nearest is None else nearest.tier
        at = common_length(prompt, other)
        on_disk = self._tiers.reach(prompt, space)
        return KvMatch(
            n_prompt=len(prompt),
            n_other=len(other),
            n_shared=at,
            n_reusable=min(len(prompt) - 1, max(self._cache.reusable(prompt, space), on_disk)),
            tier=tier,
            before=self._text_of(tuple(prompt[max(0, at - _SHOWN_TOKENS) : at])),
            yours=self._text_of(tuple(prompt[at : at + _SHOWN_TOKENS])),
            theirs=self._text_of(tuple(other[at : at + _SHOWN_TOKENS])),
        )
