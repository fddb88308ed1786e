"""A sequence while the engine has it: its tokens so far and how far they are computed."""

from velocity_local.core.events import EngineTimings, Usage
from velocity_local.worker.engine.backend import Capabilities, Sampler
from velocity_local.worker.engine.sequence import SequenceSpec
from velocity_local.worker.engine.speculation.guesses import Guesses

NO_SLOT = -1


class LiveSequence:
    """State of one sequence between submission and end; only the engine's loop changes it."""

    __slots__ = (
        "admitted_s",
        "checkpoints",
        "deadline_s",
        "end_length",
        "first_token_s",
        "guesses",
        "is_protected",
        "is_restoring",
        "join_length",
        "key",
        "leader",
        "n_accepted",
        "n_cached",
        "n_charged",
        "n_computed",
        "n_displaced",
        "n_drafted",
        "n_prompt",
        "n_shared",
        "queue_due_s",
        "rank",
        "reserve",
        "reserve_end",
        "sampler",
        "slot",
        "spec",
        "submitted_s",
        "tokens",
    )

    def __init__(self, spec: SequenceSpec, *, n_ctx: int, reserve: int, now_s: float) -> None:
        self.key = spec.key
        self.spec = spec
        self.tokens = [*spec.prompt, *spec.emitted]
        self.n_prompt = len(spec.prompt)
        self.n_computed = 0
        self.n_cached = 0
        self.rank = spec.queue.rank
        self.n_charged = 0
        self.n_drafted = 0
        self.n_accepted = 0
        self.guesses: Guesses | None = None
        self.n_displaced = 0
        self.is_protected = False
        self.is_restoring = False
        self.slot = NO_SLOT
        self.sampler: Sampler | None = None
        self.leader: LiveSequence | None = None
        self.join_length = 0
        self.checkpoints: set[int] = set()
        self.n_shared = 0
        self.end_length = min(self.n_prompt + spec.max_tokens, n_ctx)
        self.reserve = reserve
        self.reserve_end = min(self.end_length, len(self.tokens) + reserve)
        since_s = self.submitted_s = now_s if spec.arrived_s is None else spec.arrived_s
        self.deadline_s = None if spec.deadline_s is None else since_s + spec.deadline_s
        patience_s = spec.queue.timeout_s
        self.queue_due_s = None if patience_s is None else since_s + patience_s
        self.admitted_s: float | None = None
        self.first_token_s: float | None = None

    @property
    def n_pending(self) -> int:
        return len(self.tokens) - self.n_computed

    @property
    def is_ready(self) -> bool:
        """It has all cells that it gets from elsewhere; the next ones are to be computed."""
        return self.leader is None and not self.is_restoring

    @property
    def n_to_checkpoint(self) -> int:
        """How many tokens may be computed before its state is to be saved or copied."""
        ahead = (at for at in self.checkpoints if at > self.n_computed)
        return min(ahead, default=len(self.tokens) + self.n_computed) - self.n_computed

    @property
    def has_begun(self) -> bool:
        return self.slot != NO_SLOT or self.admitted_s is not None

    @property
    def is_new(self) -> bool:
        """It has one token so far: its caller has seen that it runs, and nothing more."""
        return len(self.tokens) == self.n_prompt + len(self.spec.emitted) + 1

    @property
    def promised(self) -> int:
        """Cells it was promised at admission and has not taken yet."""
        return max(0, self.reserve_end - max(self.n_computed, self.n_shared))

    def follow(self, leader: "LiveSequence", join: int, capabilities: Capabilities) -> None:
        """Wait for another one's cells; where they cannot be cut, it pauses just there."""
        self.leader, self.join_length = leader, join
        self.n_shared = join if capabilities.shares_cells else 0
        if not capabilities.can_copy_part and join < len(leader.tokens):
            leader.checkpoints.add(join)

    def step_back(self) -> None:
        """Its slot is gone; all of its tokens are to be computed again."""
        self.slot = NO_SLOT
        self.n_computed = 0
        self.leader = None
        self.join_length = self.n_shared = 0
        self.is_restoring = False
        self.reserve_end = min(self.end_length, len(self.tokens) + self.reserve)

    def usage(self) -> Usage:
        return Usage(self.n_prompt, len(self.tokens) - self.n_prompt, self.n_cached)

    def timings(self, now_s: float) -> EngineTimings:
        admitted_s = now_s if self.admitted_s is None else self.admitted_s
        first_token_s = now_s if self.first_token_s is None else self.first_token_s
        return EngineTimings(
            queue_ms=(admitted_s - self.submitted_s) * 1000,
            prefill_ms=(first_token_s - admitted_s) * 1000,
            decode_ms=(now_s - first_token_s) * 1000,
            drafted_tokens=self.n_drafted,
            accepted_tokens=self.n_accepted,
        )
