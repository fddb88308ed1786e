"""Short names for runs that are shown together: by what they do not share."""

from collections.abc import Sequence

from velocity_local.lens.results import RunResult

SERVER_LABEL = "server"
_PROVIDERS = {
    "velocity_local": "velocity-local",
    "llama_cpp": "llama.cpp server",
    "openai_compatible": "OpenAI-compatible",
    "openai": "OpenAI",
    "openai_responses": "OpenAI Responses",
    "anthropic": "Anthropic",
    "gemini": "Gemini",
    "cohere": "Cohere",
    "mistral": "Mistral",
    "ollama": "Ollama",
}


class Names:
    """Names of runs, and which of them belong to one side: all that is not the load."""

    def __init__(self, runs: Sequence[RunResult]) -> None:
        parts = [_parts(run) for run in runs]
        told_apart = [len(set(column)) > 1 for column in zip(*parts, strict=True)]
        self._shown = told_apart if any(told_apart) else [True, *told_apart[1:]]
        self.sides = tuple(dict.fromkeys(self.side(run) for run in runs))
        self._has_loads = len({load_name(run) for run in runs}) > 1

    def side(self, run: RunResult) -> str:
        """What was measured, as in "llama.cpp server"; the same for all its loads."""
        shown = zip(_parts(run), self._shown, strict=True)
        return " · ".join(part for part, is_shown in shown if is_shown and part) or run.name

    def of(self, run: RunResult) -> str:
        """The run: its side, and its load where loads differ."""
        load = load_name(run) if self._has_loads else ""
        side = self.side(run) if len(self.sides) > 1 or not load else ""
        return " · ".join(part for part in (side, load) if part)

    def colour(self, run: RunResult) -> int:
        """The number of its side, or of its load if there is one side only."""
        return self.sides.index(self.side(run))


def load_name(run: RunResult) -> str:
    """The load in a few words."""
    load = run.load
    if load.concurrency is not None:
        return f"{load.concurrency} at once"
    if load.rate_per_s is not None:
        return f"{load.kind.value} {load.rate_per_s:g}/s"
    return load.kind.value


def _parts(run: RunResult) -> tuple[str, ...]:
    """What may tell one side from another; a label "server" names it better than its dialect."""
    server = run.labels.get(SERVER_LABEL) or _PROVIDERS.get(run.provider, run.provider)
    return (server, run.model, run.name, f"{run.cache_state.value} cache", run.workload)
