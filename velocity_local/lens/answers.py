"""Whether a server still says the same: a speed-up by other answers is none."""

from collections.abc import Iterable

import msgspec

from velocity_local.lens.results import RunResult

_FEWEST_ANSWERS = 2


class AnswerCheck(msgspec.Struct, frozen=True):
    """Prompts that each side answered the same way every time, and those where the sides differ.

    A prompt counts if it was answered at least twice on each side: one answer cannot show that
    the server repeats itself.
    """

    n_compared: int
    changed: tuple[str, ...]


def compare_answers(before: Iterable[RunResult], after: Iterable[RunResult]) -> AnswerCheck:
    """Digests of whole answers, prompt by prompt."""
    first, second = _repeated(before), _repeated(after)
    shared = sorted(first.keys() & second.keys())
    return AnswerCheck(len(shared), tuple(name for name in shared if first[name] != second[name]))


def _repeated(runs: Iterable[RunResult]) -> dict[str, str]:
    """The one digest of each prompt that was always answered alike."""
    digests: dict[str, list[str]] = {}
    for run in runs:
        for record in run.records:
            if record.prompt_id and record.output_digest and record.error_kind is None:
                digests.setdefault(record.prompt_id, []).append(record.output_digest)
    return {
        prompt_id: seen[0]
        for prompt_id, seen in digests.items()
        if len(seen) >= _FEWEST_ANSWERS and len(set(seen)) == 1
    }
