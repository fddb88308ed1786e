"""The samplers of sequences: native chains, whole or in parts, each on its own state.

`sample` does all there is to a token. For answers that are held to a format it comes in parts:
`draw` a token, perhaps `redraw` among those allowed, and `keep` the one that is taken. A draw
moves the chain's own randomness on once, whether its token is kept or not, so that replaying the
tokens that were kept leaves the same state; a redraw has randomness of its own.
"""

from collections.abc import Sequence

from velocity_local.worker.backends.llama_cpp import native
from velocity_local.worker.backends.llama_cpp import native_sampling as chains
from velocity_local.worker.backends.llama_cpp.native_sampling import SamplerHandle
from velocity_local.worker.sampling.chance import coin


class NativeSampler:
    """A whole chain in the library. Its last sampler `draws` once per token, to be replayed.

    A heavy one goes through the whole vocabulary more than once. One that `remembers` looks at
    past tokens.
    """

    is_heavy = True
    remembers = False
    is_greedy = False
    is_complete = False

    def __init__(
        self, head: Sequence[SamplerHandle], tail: Sequence[SamplerHandle], *, draws: bool
    ) -> None:
        self._chain = chains.Chain([*head, *tail])
        self._last = tail[-1]
        self._draws = draws
        self._dummy: chains.Candidates | None = None

    def sample(self, context: int, row: int) -> int:
        """Sample from a row that has logits, and accept."""
        return self._chain.sample(context, row)

    def draw(self, context: int, row: int, candidates: chains.Candidates) -> int:
        """Sample from a row of logits; what remembers does not see the token."""
        if not self.remembers:
            return self._chain.sample(context, row)
        candidates.fill(native.logits(context, row, len(candidates.rows)))
        self._chain.apply(candidates)
        return candidates.selected

    def redraw(self, candidates: chains.Candidates, seed: int) -> int:
        """Sample from the candidates with another seed."""
        body = self._chain.clone_without_last()
        body.apply(candidates)
        body.free()
        return _select(candidates, None if self.is_greedy else seed)

    def keep(self, token: int) -> None:
        """The drawn or redrawn token is taken."""
        if self.remembers:
            self._chain.accept(token)

    def tell(self, token: int) -> None:
        """Show the penalties a token that was not sampled."""
        self._chain.accept(token)

    def accept(self, token: int) -> None:
        self._chain.accept(token)
        if self._draws:
            self._dummy = self._dummy or chains.Candidates(2)
            chains.apply_sampler(self._last, self._dummy)

    def close(self) -> None:
        self._chain.free()


class GreedySampler(NativeSampler):
    """The most likely token, with nothing to change the logits."""

    is_heavy = False
    is_greedy = True

    def __init__(self, *, n_vocab: int) -> None:
        super().__init__([], [chains.greedy()], draws=False)
        self._n_vocab = n_vocab

    def sample(self, context: int, row: int) -> int:
        return int(native.logits(context, row, self._n_vocab).argmax())

    def draw(self, context: int, row: int, _candidates: chains.Candidates) -> int:
        return self.sample(context, row)


class XtcSampler(NativeSampler):
    """A chain in three parts: the middle one, XTC, acts if the coin of this position says so."""

    def __init__(
        self,
        head: Sequence[SamplerHandle],
        middle: SamplerHandle,
        tail: Sequence[SamplerHandle],
        *,
        probability: float,
        seed: int,
        n_vocab: int,
    ) -> None:
        super().__init__(tail[:-1], tail[-1:], draws=True)
        self._before = chains.Chain(head)
        self._xtc = chains.Chain([middle])
        self._probability = probability
        self._seed = seed
        self._n_vocab = n_vocab
        self._position = 0
        self._candidates = chains.Candidates(n_vocab)

    def sample(self, context: int, row: int) -> int:
        token = self.draw(context, row, self._candidates)
        self.keep(token)
        return token

    def draw(self, context: int, row: int, candidates: chains.Candidates) -> int:
        candidates.fill(native.logits(context, row, self._n_vocab))
        self._leave_out(candidates)
        self._chain.apply(candidates)
        return candidates.selected

    def redraw(self, candidates: chains.Candidates, seed: int) -> int:
        self._leave_out(candidates)
        return super().redraw(candidates, seed)

    def keep(self, token: int) -> None:
        self._before.accept(token)
        self._position += 1

    def _leave_out(self, candidates: chains.Candidates) -> None:
        self._before.apply(candidates)
        if coin(self._seed, self._position) < self._probability:
            self._xtc.apply(candidates)

    def tell(self, token: int) -> None:
        self._before.accept(token)

    def accept(self, token: int) -> None:
        self._before.accept(token)
        super().accept(token)
        self._position += 1

    def close(self) -> None:
        super().close()
        self._before.free()
        self._xtc.free()


def _select(candidates: chains.Candidates, seed: int | None) -> int:
    """One of the candidates: by chance, or without a seed the likeliest."""
    last = chains.greedy() if seed is None else chains.distribution(seed)
    chains.apply_sampler(last, candidates)
    chains.free_sampler(last)
    return candidates.selected
