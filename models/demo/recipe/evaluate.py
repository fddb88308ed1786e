"""Asks the exported model the held-out prompts through llama.cpp and writes evaluation.json."""

import argparse
import json
import math
import time
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from recipe import judge, render
from recipe.llama import Runner
from recipe.text import dialogues
from recipe.text.exchange import Conversation
from recipe.weights import target_weights

PERPLEXITY_SEED = 777_000
LIMIT = 1_200
Row = dict[str, Any]


def perplexity(runner: Runner, conversations: list[Conversation]) -> dict[str, float]:
    """Of what the assistant says, and of everything, on conversations never trained on."""
    spent = {"assistant": 0.0, "all": 0.0}
    n = {"assistant": 0, "all": 0}
    for one in conversations:
        tokens = runner.tokenize(render.render(one))[:1024]
        runner.forget()
        logits = runner.forward(tokens, start=0, every=True)[:-1].astype(np.float64)
        highest = logits.max(axis=1, keepdims=True)
        totals = np.log(np.exp(logits - highest).sum(axis=1)) + highest[:, 0]
        losses = totals - logits[np.arange(len(logits)), tokens[1:]]
        spoken = np.array(target_weights(tokens, **marks(runner))[1:]) == 1.0
        spent["assistant"] += float(losses[spoken].sum())
        spent["all"] += float(losses.sum())
        n["assistant"] += int(spoken.sum())
        n["all"] += len(losses)
    return {name: round(math.exp(spent[name] / n[name]), 3) for name in spent}


def marks(runner: Runner) -> dict[str, int]:
    """The tokens that bound what the assistant says."""
    start, assistant = runner.tokenize("<|im_start|>assistant")
    return {"start": start, "end": runner.tokenize("<|im_end|>")[0], "assistant": assistant}


def ask(runner: Runner, row: Row) -> Row:
    """The row with the model's answer, whether it passes, and its closest call."""
    prompt = render.prompt(
        row["messages"],
        tools=row.get("tools"),
        enable_thinking=row.get("enable_thinking", False),
    )
    answer, gaps = runner.answer(prompt, limit=LIMIT)
    passed = judge.passes(row["judge"], answer, n_tokens=len(gaps), ended=len(gaps) < LIMIT)
    return {**row, "answer": answer, "passed": passed, "n_tokens": len(gaps), "gap": min(gaps)}


def summary(asked: list[Row]) -> dict[str, Row]:
    """Share passed, number and smallest gap for each kind, and for groups of kinds."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in asked:
        groups[row["kind"]].append(row)
        if row["kind"].startswith(("domain", "style")):
            groups[row["kind"].split("_")[0]].append(row)
    return {
        kind: {
            "passed": round(sum(row["passed"] for row in rows) / len(rows), 4),
            "n": len(rows),
            "smallest_logit_gap": round(min(row["gap"] for row in rows), 3),
        }
        for kind, rows in sorted(groups.items())
    }


def main() -> None:
    """Runs everything; the failures go to a file of their own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("../../build/demo"))
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--every", type=int, default=1, help="ask only every n-th prompt")
    options = parser.parse_args()
    runner = Runner(options.out / "velocity-demo-f16.gguf")
    began = time.monotonic()
    lines = (options.out / "held_out.jsonl").read_text().splitlines()
    asked = [ask(runner, json.loads(line)) for line in lines[:: options.every]]
    rng = Random(PERPLEXITY_SEED)
    conversations = [dialogues.conversation(rng) for _ in range(200)]
    result: Row = {
        "decoding": "greedy, llama.cpp, F16",
        "perplexity": perplexity(runner, conversations),
        "kinds": summary(asked),
        "minutes": round((time.monotonic() - began) / 60, 2),
    }
    failed = [json.dumps(row, ensure_ascii=False) for row in asked if not row["passed"]]
    (options.work / "failed.jsonl").write_text("\n".join(failed) + "\n")
    (options.out / "evaluation.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
