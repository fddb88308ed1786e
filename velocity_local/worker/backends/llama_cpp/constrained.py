"""A sampler that is held to a constraint: sample, check, and only if need be choose again."""

from velocity_local.worker.backends.llama_cpp import native
from velocity_local.worker.backends.llama_cpp.chain_samplers import NativeSampler
from velocity_local.worker.backends.llama_cpp.native_sampling import Candidates
from velocity_local.worker.engine.constraint import Constraint, Unanswerable
from velocity_local.worker.sampling.chance import mixed
from velocity_local.worker.sampling.rows import tokens_of


class ConstrainedSampler:
    """Takes the token that `free` draws, if the constraint allows it.

    Otherwise it draws among the allowed tokens alone, with randomness that only the seed and the
    token's position decide: which draws were refused need not be known to replay an answer.
    """

    def __init__(
        self, free: NativeSampler, constraint: Constraint, *, seed: int, n_vocab: int
    ) -> None:
        self._free = free
        self._constraint = constraint
        self._seed = seed
        self._n_vocab = n_vocab
        self._position = 0
        self._candidates = Candidates(n_vocab)

    @property
    def is_heavy(self) -> bool:
        return self._free.is_heavy

    @property
    def is_complete(self) -> bool:
        return self._constraint.is_complete

    def sample(self, context: int, row: int) -> int:
        """Sample from a row that has logits, and accept.

        Raises:
            Unanswerable: if no token will do.
        """
        token = self._free.draw(context, row, self._candidates)
        if not self._constraint.accept(token):
            token = self._redraw(context, row)
            if not self._constraint.accept(token):
                raise Unanswerable("the answer cannot go on as its format asks; simplify it")
        self._free.keep(token)
        self._position += 1
        return token

    def accept(self, token: int) -> None:
        """Replay a token; the constraint stands after it already."""
        self._free.accept(token)
        self._position += 1

    def close(self) -> None:
        self._free.close()

    def _redraw(self, context: int, row: int) -> int:
        tokens = tokens_of(self._constraint.allowed(), self._n_vocab)
        if len(tokens) == 1:
            return int(tokens[0])
        if len(tokens) == 0:
            raise Unanswerable(
                "this model has no token to go on with as the answer's format asks; "
                "allow more, or use another model"
            )
        logits = native.logits(context, row, self._n_vocab)
        self._candidates.fill_some(tokens, logits[tokens])
        return self._free.redraw(self._candidates, mixed(self._seed, self._position) >> 33)
