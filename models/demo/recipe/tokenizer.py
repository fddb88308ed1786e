"""Trains a byte-level BPE on the generated text; it splits as llama.cpp's `qwen2` does."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from recipe import render
from recipe.text import dialogues

PRE = "qwen2"
SPLIT = (
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MARKUP = (
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
)
VOCABULARY = 2048
SAMPLES = 30_000
SEED = 20_250


def _texts() -> Iterator[str]:
    rng = Random(SEED)
    for _ in range(SAMPLES):
        text = render.render(dialogues.conversation(rng))
        for token in (*CONTROL, *MARKUP):
            text = text.replace(token, "\n")
        yield text


def train() -> Tokenizer:
    """All 256 bytes, the merges of our text, and nine added tokens at the front."""
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(SPLIT), "isolated")
    bytes_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[*CONTROL, *MARKUP],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(), trainer)
    return with_visible_markup(tokenizer)


def with_visible_markup(tokenizer: Tokenizer) -> Tokenizer:
    """Keeps the think and tool marks as added tokens that decoding shows."""
    document = json.loads(tokenizer.to_str())
    for token in document["added_tokens"]:
        token["special"] = token["content"] in CONTROL
    return Tokenizer.from_str(json.dumps(document))


def load(path: Path) -> Tokenizer:
    """A tokenizer that `train` wrote."""
    return Tokenizer.from_file(str(path))


def token_id(words: Tokenizer, text: str) -> int:
    """The number of a token that must be there."""
    found = words.token_to_id(text)
    assert found is not None, text
    return found


def main() -> None:
    """Trains the tokenizer and writes it where training and export read it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("mlx/tokenizer.json"))
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    train().save(str(options.out))


if __name__ == "__main__":
    main()
