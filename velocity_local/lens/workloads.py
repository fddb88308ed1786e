"""Turns a scenario's workload into sessions. The cache's state decides which prompts may recur."""

from collections.abc import Iterator
from itertools import count, cycle

from velocity_local.lens.asks import Ask, Chat, Embed, Tool, Turn
from velocity_local.lens.errors import BadScenario
from velocity_local.lens.jobs import Session, Source
from velocity_local.lens.prompts import FilePrompts
from velocity_local.lens.results import CacheState
from velocity_local.lens.scenarios import Embeddings, PromptFile, Scenario, Synthetic
from velocity_local.lens.words import WordTexts, random_of

WARM_PROMPTS = 8
"""How many prompts recur when the cache is to hold them and the scenario does not say."""


def source_of(scenario: Scenario, texts: WordTexts, *, nonce: str) -> Source:
    """The source of the scenario's sessions.

    `nonce` goes into prompts that no server may have seen before; without it they are the same in
    every run of the scenario.

    Raises:
        BadScenario: if a prompt file cannot be read, or prompts that recur are to be cold.
    """
    if isinstance(scenario.workload, Synthetic) and scenario.workload.prompts is not None:
        _check_recurring(scenario)
    match scenario.workload:
        case Synthetic():
            return SyntheticPrompts(scenario, scenario.workload, texts, nonce=nonce)
        case PromptFile():
            return FilePrompts.read(scenario, scenario.workload, nonce=nonce)
        case Embeddings():
            return EmbeddingTexts(scenario, scenario.workload, texts, nonce=nonce)


class SyntheticPrompts:
    """Random words, some of them shared, in one turn or several, with or without tools."""

    def __init__(
        self, scenario: Scenario, workload: Synthetic, texts: WordTexts, *, nonce: str
    ) -> None:
        self._scenario = scenario
        self._workload = workload
        self._texts = texts
        self._salt = "" if self._recurs else nonce
        self._shared = self._text("shared", round(workload.prompt_tokens * self._share))

    @property
    def name(self) -> str:
        work = self._workload
        accuracy = "" if self._texts.is_exact else "about "
        parts = [f"{accuracy}{work.prompt_tokens} tokens in, {work.output_tokens} out"]
        if self._share:
            parts.append(f"{self._share:.0%} shared")
        if work.turns > 1:
            parts.append(f"{work.turns} turns")
        if work.tools:
            parts.append(f"{work.tools} tools")
        return "synthetic: " + ", ".join(parts)

    def sessions(self, *, first: int = 0) -> Iterator[Session]:
        if self._recurs:
            return cycle([self._session(number) for number in range(self._n_prompts)])
        n = self._workload.prompts
        numbers = count(first) if n is None else (number % n for number in count(first))
        return map(self._session, numbers)

    def primers(self) -> Iterator[Session]:
        if self._recurs:
            return (self._session(number) for number in range(self._n_prompts))
        if self._scenario.cache_state is CacheState.PREFIX_SHARED:
            return iter([self._session(-1)])
        return iter(())

    @property
    def _recurs(self) -> bool:
        return self._scenario.cache_state in (CacheState.WARM, CacheState.RESTORED)

    @property
    def _n_prompts(self) -> int:
        return self._workload.prompts or WARM_PROMPTS

    @property
    def _share(self) -> float:
        """Half of the prompt is shared if the cache is to be and the workload does not say."""
        if (
            self._scenario.cache_state is CacheState.PREFIX_SHARED
            and not self._workload.shared_share
        ):
            return 0.5
        return self._workload.shared_share

    def _session(self, number: int) -> Session:
        work = self._workload
        n_own = work.prompt_tokens - round(work.prompt_tokens * self._share)
        own = self._text(f"{number}.0", n_own)
        first = " ".join(part for part in (self._shared, own) if part)
        turns = range(1, work.turns)
        replies = [self._text(f"{number}.{turn}", work.prompt_tokens) for turn in turns]
        tools = tuple(_tool(index) for index in range(work.tools))
        ask = _ask(self._scenario, Chat((Turn("user", first),), tools), work.output_tokens)
        return Session(prompt_id=f"synthetic-{number}", ask=ask, replies=tuple(replies))

    def _text(self, salt: str, n_tokens: int) -> str:
        if n_tokens == 0:
            return ""
        return self._texts.text(n_tokens, random_of(self._scenario.seed, self._salt, salt))


class EmbeddingTexts:
    """Random words to embed."""

    def __init__(
        self, scenario: Scenario, workload: Embeddings, texts: WordTexts, *, nonce: str
    ) -> None:
        self._scenario = scenario
        self._salt = nonce
        self._workload = workload
        self._texts = texts
        self.name = f"embeddings: {workload.batch} texts of {workload.input_tokens} tokens"

    def sessions(self, *, first: int = 0) -> Iterator[Session]:
        return map(self._session, count(first))

    def primers(self) -> Iterator[Session]:
        return iter(())

    def _session(self, number: int) -> Session:
        random = random_of(self._scenario.seed, self._salt, number)
        work = self._workload
        inputs = tuple(self._texts.text(work.input_tokens, random) for _ in range(work.batch))
        ask = Ask(input=Embed(inputs), stream=False, extra=self._scenario.extra)
        return Session(prompt_id=f"embedding-{number}", ask=ask)


def _check_recurring(scenario: Scenario) -> None:
    state = scenario.cache_state
    if state in (CacheState.COLD, CacheState.PREFIX_SHARED):
        raise BadScenario(
            f"workload.prompts: prompts that come again are not {state.value}; leave it out, or"
            " set cache to warm or uncontrolled"
        )


def _ask(scenario: Scenario, chat: Chat, output_tokens: int | None) -> Ask:
    return Ask(
        input=chat,
        max_tokens=output_tokens,
        temperature=scenario.temperature,
        seed=scenario.seed,
        ignore_eos=scenario.exact_output,
        extra=scenario.extra,
    )


def _tool(index: int) -> Tool:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    }
    return Tool(f"forecast_{index}", f"The weather of source {index}.", schema)
