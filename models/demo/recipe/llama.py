"""The few llama.cpp calls that the checks need, over its low-level Python binding."""

import ctypes
from pathlib import Path

import llama_cpp as lib
import numpy as np
from numpy.typing import NDArray

MARKS, DATA = True, True


class Runner:
    """One model and one context; greedy text and raw logits."""

    def __init__(self, path: Path, *, n_ctx: int = 2048, n_threads: int = 1) -> None:
        self._log = lib.llama_log_callback(lambda *_: None)
        lib.llama_log_set(self._log, None)
        lib.llama_backend_init()
        model = lib.llama_model_load_from_file(str(path).encode(), lib.llama_model_default_params())
        assert model, f"llama.cpp cannot load {path}"
        parameters = lib.llama_context_default_params()
        parameters.n_ctx = parameters.n_batch = n_ctx
        parameters.n_threads = parameters.n_threads_batch = n_threads
        self._context = lib.llama_init_from_model(model, parameters)
        self._vocabulary = lib.llama_model_get_vocab(model)
        self.n_vocabulary = lib.llama_vocab_n_tokens(self._vocabulary)

    def tokenize(self, text: str) -> list[int]:
        """Tokens of a text, marks included."""
        raw = text.encode()
        room = (lib.llama_token * (len(raw) + 8))()
        n = lib.llama_tokenize(self._vocabulary, raw, len(raw), room, len(room), MARKS, MARKS)
        return list(room[:n])

    def piece(self, token: int, *, marks: bool = True) -> bytes:
        """The bytes of one token; control tokens have bytes only where `marks` says so."""
        room = ctypes.create_string_buffer(64)
        n = lib.llama_token_to_piece(self._vocabulary, token, room, len(room), 0, marks)
        return room.raw[:n]

    def forget(self) -> None:
        """Empties the cache."""
        lib.llama_memory_clear(lib.llama_get_memory(self._context), DATA)

    def forward(self, tokens: list[int], *, start: int, every: bool = False) -> NDArray[np.float32]:
        """Logits of the last token, or of every token, after appending `tokens` at `start`."""
        batch = lib.llama_batch_init(len(tokens), 0, 1)
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i], batch.pos[i] = token, start + i
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
            batch.logits[i] = every or i == len(tokens) - 1
        status = lib.llama_decode(self._context, batch)
        lib.llama_batch_free(batch)
        assert status == 0, f"llama_decode failed with {status}"
        rows = range(len(tokens)) if every else [len(tokens) - 1]
        return np.stack([self._row(i) for i in rows])

    def _row(self, i: int) -> NDArray[np.float32]:
        row = lib.llama_get_logits_ith(self._context, i)
        return np.ctypeslib.as_array(row, (self.n_vocabulary,)).copy()

    def answer(self, prompt: str, *, limit: int = 256) -> tuple[str, list[float]]:
        """The greedy answer and, for every token, how far the best logit is ahead of the next."""
        self.forget()
        tokens, past, said, gaps = self.tokenize(prompt), 0, b"", list[float]()
        for _ in range(limit):
            logits = self.forward(tokens, start=past)[0]
            past += len(tokens)
            best = int(logits.argmax())
            second, first = np.partition(logits, -2)[-2:]
            gaps.append(float(first - second))
            if lib.llama_vocab_is_eog(self._vocabulary, best):
                break
            said += self.piece(best)
            tokens = [best]
        return said.decode(errors="replace"), gaps
