"""What a drive of kills has cost."""

from dataclasses import dataclass, field

from tests.process.fleet.yard import Heard
from velocity_local.core.events import Failed, Finished, Started


@dataclass
class Tally:
    kills: int = 0
    streams: int = 0
    resumes: int = 0
    bytes_compared: int = 0
    unequal: int = 0
    failed: int = 0
    reasons: list[str] = field(default_factory=list)
    files: int = 0
    cached_tokens: int = 0
    guessed_tokens: int = 0
    gaps: list[float] = field(default_factory=list)
    widest_tie: float = 0.0
    ready_again_s: list[float] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        return not self.failed and all(gap <= self.widest_tie for gap in self.gaps)

    def hear(self, heard: Heard) -> None:
        """One stream is over."""
        self.streams += 1
        self.resumes += heard.resumes
        end = heard.events[-1]
        if isinstance(end, Finished):
            begun = [event.cached_tokens for event in heard.events if isinstance(event, Started)]
            self.cached_tokens += max(end.usage.cached_tokens, *begun)
            self.guessed_tokens += end.timings.accepted_tokens
        elif isinstance(end, Failed):
            self.failed += 1
            self.reasons.append(f"{end.error.code} after {heard.count} tokens")

    def report(self) -> dict[str, float | int | list[str]]:
        waits = sorted(self.ready_again_s)
        return {
            "kills": self.kills,
            "streams": self.streams,
            "resumes": self.resumes,
            "bytes_compared": self.bytes_compared,
            "unequal_texts": self.unequal,
            "widest_gap_where_texts_part": round(max(self.gaps, default=0.0), 5),
            "widest_tie": round(self.widest_tie, 5),
            "failed_streams": self.failed,
            "reasons": self.reasons,
            "files_of_cells": self.files,
            "tokens_not_computed": self.cached_tokens,
            "tokens_guessed_right": self.guessed_tokens,
            "ready_again_p50_s": round(waits[len(waits) // 2], 3),
            "ready_again_p99_s": round(waits[min(len(waits) - 1, len(waits) * 99 // 100)], 3),
        }
