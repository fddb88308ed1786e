"""Prompts of a file: JSON lines, or one prompt a line."""

import re
from collections.abc import Iterator, Sequence
from itertools import count, cycle, islice
from pathlib import Path

import msgspec

from velocity_local.lens.asks import Ask, Chat, Input, Text, Tool, Turn
from velocity_local.lens.errors import BadScenario
from velocity_local.lens.jobs import Check, Session
from velocity_local.lens.reading import read_text
from velocity_local.lens.results import CacheState
from velocity_local.lens.scenarios import PromptFile, Scenario

MAX_FILE_BYTES = 1024 * 1024 * 1024


class PromptLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a prompt file; either `prompt` or `messages`. `replies` are later user turns."""

    id: str | None = None
    prompt: str | None = None
    messages: tuple[Turn, ...] | None = None
    replies: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    max_tokens: int | None = None
    contains: str | None = None
    matches: str | None = None
    digest: str | None = None
    raw: bool = False

    @property
    def check(self) -> Check | None:
        if self.contains is None and self.matches is None and self.digest is None:
            return None
        return Check(contains=self.contains, matches=self.matches, digest=self.digest)

    def input(self) -> Input:
        if self.messages is not None:
            return Chat(self.messages, self.tools)
        text = self.prompt or ""
        return Text(text) if self.raw else Chat((Turn("user", text),), self.tools)


class FilePrompts:
    """Every prompt of a file in turn, again from the first once all were asked.

    For a cold cache each gets a beginning that no server has seen.
    """

    def __init__(
        self, scenario: Scenario, name: str, sessions: Sequence[Session], *, nonce: str
    ) -> None:
        self._scenario = scenario
        self._nonce = nonce
        self._sessions = tuple(sessions)
        self.name = name

    @classmethod
    def read(cls, scenario: Scenario, workload: PromptFile, *, nonce: str) -> "FilePrompts":
        """The prompts of the workload's file.

        Raises:
            BadScenario: naming file and line.
        """
        path = Path(workload.path)
        lines = read_prompts(path)
        sessions = [
            _session(scenario, line, line.id or f"line-{number}", workload.output_tokens)
            for number, line in lines
        ]
        name = f"{path.name}: {len(sessions)} prompts"
        return cls(scenario, name, sessions, nonce=nonce)

    def sessions(self, *, first: int = 0) -> Iterator[Session]:
        if self._scenario.cache_state is CacheState.COLD:
            marks = (f"[{self._nonce} {number}] " for number in count(first))
            return map(_with_mark, cycle(self._sessions), marks)
        return cycle(self._sessions)

    def primers(self) -> Iterator[Session]:
        state = self._scenario.cache_state
        if state in (CacheState.WARM, CacheState.RESTORED):
            return iter(self._sessions)
        if state is CacheState.PREFIX_SHARED:
            return islice(self._sessions, 1)
        return iter(())


def read_prompts(path: Path) -> list[tuple[int, PromptLine]]:
    """Line numbers and prompts; empty lines are left out.

    Raises:
        BadScenario: if it cannot be read, a line is wrong, or there is no prompt.
    """
    text = read_text(path, most=MAX_FILE_BYTES)
    is_json = path.suffix.lower() in {".jsonl", ".ndjson", ".json"}
    numbered = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    prompts = [
        (n, _json_line(path, n, line) if is_json else PromptLine(prompt=line.strip()))
        for n, line in numbered
    ]
    if not prompts:
        raise BadScenario(f"{path} holds no prompt")
    return prompts


def _json_line(path: Path, number: int, line: str) -> PromptLine:
    try:
        found = msgspec.json.decode(line, type=PromptLine)
        if found.matches is not None:
            re.compile(found.matches)
    except msgspec.DecodeError as error:
        raise BadScenario(f"{path}:{number}: {error}") from error
    except re.error as error:
        raise BadScenario(f"{path}:{number}: matches is no regular expression: {error}") from error
    if (found.prompt is None) == (found.messages is None):
        raise BadScenario(f"{path}:{number}: give either prompt or messages")
    if found.messages is not None and not found.messages:
        raise BadScenario(f"{path}:{number}: messages is empty")
    return found


def _session(
    scenario: Scenario, line: PromptLine, prompt_id: str, output_tokens: int | None
) -> Session:
    max_tokens = line.max_tokens if line.max_tokens is not None else output_tokens
    ask = Ask(
        input=line.input(),
        max_tokens=max_tokens,
        temperature=scenario.temperature,
        seed=scenario.seed,
        extra=scenario.extra,
    )
    return Session(prompt_id=prompt_id, ask=ask, replies=line.replies, check=line.check)


def _with_mark(session: Session, mark: str) -> Session:
    match session.ask.input:
        case Chat(turns, tools):
            first, *rest = turns
            marked: Input = Chat((Turn(first.role, mark + first.content), *rest), tools)
        case Text(prompt):
            marked = Text(mark + prompt)
        case other:
            marked = other
    ask = msgspec.structs.replace(session.ask, input=marked)
    return msgspec.structs.replace(session, ask=ask)
