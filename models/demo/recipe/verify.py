"""Proves that llama.cpp reads the same tokens and computes the same logits as the training code."""

import argparse
import json
from pathlib import Path
from random import Random

import torch
from tokenizers import Tokenizer

from recipe import render, tokenizer
from recipe.llama import Runner
from recipe.model import Llama, Shape
from recipe.text import dialogues, words

CORPUS = (
    "Hello, world! I'm here; you're there, they'll see, she'd go, WE'VE IT'S",
    "1 22 333 4444 3.14159 1,000,000 0xFF 10:30 2026-01-01 ½ ² Ⅷ ٣ 一二三",
    "tabs\tand\t\tmore\n\nnew lines\r\nold\rones   three  spaces \n  mixed \t \n end ",
    " leading", "  two", "trailing ", "\n", "\t", " ", "   ", "\n\n\n", " \n \n",
    "a\n\n b\n\n\n  c",
    "naïve café Zürich Łódź smörgåsbord Ελλάδα привет мир العربية हिन्दी ไทย e\u0301 n\u0303",
    "日本語のテキスト 中文测试 한국어 你好\uff0c世界\uff01",
    "😀😎🎉 👍🏽 👨‍👩‍👧‍👦 🇩🇪 ❤️ 🙂x🙂 a😀b1😀2",
    "snake_case camelCase kebab-case http://127.0.0.1:8621/v1 `code` **bold** #tag @x $5 a/b\\c",
    '{"name": "get_weather", "arguments": {"city": "Paris", "n": [1, 2, {"x": null}]}}',
    "zero\u200bwidth no\u00a0break thin\u2009space line\u2028sep \ufeffbom \x00nul \x7fdel \x1b[0m",
    "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think>\nx\n</think>\n\nok<|im_end|>",
    "<tool_call>\n{}\n</tool_call><tool_response>x</tool_response> <think> </think>a<think>b",
    "<|endoftext|><|im_start|><|im_end|> <| im_start |> <think <|im_ </ think> <tool_call",
)  # fmt: skip


def random_texts(rng: Random, n: int) -> list[str]:
    """Strings of random characters from many ranges, and of random pieces."""
    ranges = ((32, 126), (0, 255), (0x370, 0x4FF), (0x4E00, 0x9FFF), (0x1F300, 0x1F6FF), (9, 13))
    pieces = (
        *words.PLAIN[:60],
        *words.FOREIGN,
        *words.EMOJI,
        *tokenizer.MARKUP,
        " ",
        "\n",
        "7",
        "'s",
    )
    texts = []
    for i in range(n):
        if i % 2:
            texts.append("".join(rng.choices(pieces, k=rng.randint(1, 30))))
        else:
            chosen = (rng.choice(ranges) for _ in range(rng.randint(1, 40)))
            texts.append("".join(chr(rng.randint(low, high)) for low, high in chosen))
    return texts


def differing(words_: Tokenizer, runner: Runner, texts: list[str]) -> list[str]:
    """The texts that the two tokenizers split differently, or that do not come back whole."""
    wrong = []
    for text in texts:
        ids = words_.encode(text).ids
        back = b"".join(runner.piece(token) for token in ids)
        if ids != runner.tokenize(text) or back != text.encode():
            wrong.append(text)
    return wrong


def logit_difference(network: Llama, runner: Runner, texts: list[str]) -> tuple[float, float]:
    """The largest difference of any logit, and the share of positions with the same best token."""
    largest, same, n = 0.0, 0, 0
    for text in texts:
        tokens = runner.tokenize(text)[:512]
        runner.forget()
        theirs = torch.from_numpy(runner.forward(tokens, start=0, every=True))
        with torch.no_grad():
            ours = network(torch.tensor([tokens]))[0]
        largest = max(largest, float((ours - theirs).abs().max()))
        same += int((ours.argmax(-1) == theirs.argmax(-1)).sum())
        n += len(tokens)
    return largest, same / n


def main() -> None:
    """Checks the tokens, then the logits, and prints what it found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("../../build/demo"))
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args()
    words_ = tokenizer.load(options.out / "mlx" / "tokenizer.json")
    runner = Runner(options.out / "velocity-demo-f16.gguf")
    rng = Random(7)
    real = [render.render(dialogues.conversation(rng)) for _ in range(300)]
    texts = [*CORPUS, *random_texts(rng, 4000), *real]
    wrong = differing(words_, runner, texts)
    network = Llama(Shape(vocab_size=words_.get_vocab_size()))
    state = torch.load(options.work / "checkpoint.pt", weights_only=True)["network"]
    network.load_state_dict({k: v if v.dim() == 1 else v.half().float() for k, v in state.items()})
    largest, same = logit_difference(network.eval(), runner, real[:30])
    print(json.dumps({
        "texts": len(texts), "texts_split_differently": len(wrong), "examples": wrong[:5],
        "largest_logit_difference": largest, "same_best_token": same,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
