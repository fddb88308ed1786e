"""Prompt lookup: where a text repeats itself, what followed then is guessed to follow now.

The idea is A. Saxena's, "Prompt Lookup Decoding" (2023). Knows token ids, and no cost of anything.
"""

from collections.abc import Callable

# Fewer tokens in a row are found in any text, and say little about what follows.
NGRAM_TOKENS = 3
# How far back a match is followed; longer ones are no surer.
LONGEST_MATCH = 32
# The index of a long prompt is built over many steps, so that no step is long for it.
INDEXED_PER_STEP = 1024

# (length of the match, whether the token that it pointed at came)
Watcher = Callable[[int, bool], None]


class PromptLookup:
    """Follows one sequence: O(1) for each token, whatever stands before it.

    While `length` tokens at the end of the text stand elsewhere in it too, `source` is where the
    token after them stands. A match goes on as long as its tokens come.
    """

    def __init__(self, tokens: list[int], n_before: int, watcher: Watcher) -> None:
        """`tokens` is the sequence's own list, of which the first `n_before` were not generated.

        Of those that are, `watcher` is told whether they were guessed.
        """
        self._tokens = tokens
        self._n_before = n_before
        self._watcher = watcher
        self._follows: dict[tuple[int, ...], int] = {}
        self._n_seen = 0
        self._source = 0
        self.length = 0

    def catch_up(self) -> bool:
        """Look at the tokens that came since; False if there is more to look at than for a step."""
        n_tokens = len(self._tokens)
        if n_tokens - self._n_seen > INDEXED_PER_STEP:
            self._index(self._n_seen + INDEXED_PER_STEP)
            return False
        if self._n_seen < self._n_before:
            self._index(min(self._n_before, n_tokens) - 1)
        for i in range(self._n_seen, n_tokens):
            self._see(i)
        self._n_seen = n_tokens
        return True

    def draft(self, n_tokens: int) -> list[int]:
        """What may come next. A text that overlaps itself is taken to go on in circles."""
        if not self.length:
            return []
        found = self._tokens[self._source : self._source + n_tokens]
        while len(found) < n_tokens:
            found += found[: n_tokens - len(found)]
        return found

    def _index(self, end: int) -> None:
        """Remember what follows what, up to a token, without looking for matches."""
        first = max(NGRAM_TOKENS - 1, self._n_seen)
        columns = [self._tokens[first - back : end] for back in range(NGRAM_TOKENS - 1, -1, -1)]
        ngrams = zip(*columns, strict=False)
        self._follows.update(zip(ngrams, range(first + 1, end + 1), strict=False))
        self._n_seen = max(self._n_seen, end)
        self.length = 0

    def _see(self, i: int) -> None:
        token = self._tokens[i]
        if self.length:
            is_hit = self._tokens[self._source] == token
            if i >= self._n_before:
                self._watcher(self.length, is_hit)
            self.length = self.length + 1 if is_hit else 0
            self._source += 1
        if i < NGRAM_TOKENS - 1:
            return
        ngram = tuple(self._tokens[i - NGRAM_TOKENS + 1 : i + 1])
        found = self._follows.get(ngram)
        self._follows[ngram] = i + 1
        if found is not None and not self.length:
            self._source = found
            self.length = self._matched(found, i + 1)

    def _matched(self, source: int, end: int) -> int:
        """How many tokens before `source` are those before `end`."""
        tokens, length = self._tokens, NGRAM_TOKENS
        longest = min(LONGEST_MATCH, source)
        while length < longest and tokens[source - length - 1] == tokens[end - length - 1]:
            length += 1
        return length
