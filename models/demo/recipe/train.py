"""Trains the network on the generated text; resumes from its checkpoint, seeded."""

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import torch
from tokenizers import Tokenizer
from torch import Tensor, distributed, nn
from torch.nn import functional

from recipe import batches, headstart, tokenizer
from recipe.model import Llama, Shape

SEED = 1
CHECKPOINT_S = 120.0
CLIP = 1.0
REPORT_STEPS = 40


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to train and how fast to learn: warm-up, then a cosine down."""

    n_tokens: int
    batch_tokens: int = 2_048
    warm_up_tokens: int = 300_000
    peak: float = 2e-3
    floor: float = 2e-5
    drill_tokens: int = 1_500_000
    drill_steps: int = 4

    def rate(self, seen: int) -> float:
        """The learning rate after this many tokens."""
        if seen < self.warm_up_tokens:
            return self.peak * (seen + 1) / self.warm_up_tokens
        done = (seen - self.warm_up_tokens) / max(1, self.n_tokens - self.warm_up_tokens)
        height = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
        return self.floor + (self.peak - self.floor) * height

    def drills(self, step: int, seen: int) -> bool:
        """Whether this step's first batch is a drill in copying."""
        return seen < self.drill_tokens and step % self.drill_steps == 0


@dataclass(slots=True)
class Progress:
    """What a checkpoint remembers besides weights."""

    step: int = 0
    seen: int = 0
    busy_s: float = 0.0
    place: batches.Place = field(default_factory=batches.Place)


class Optimizers:
    """Muon for the matrices inside the layers, AdamW for the embedding and the norms."""

    def __init__(self, network: nn.Module, plan: Plan) -> None:
        named = list(network.named_parameters())
        inside = [p for name, p in named if p.dim() == 2 and "embed" not in name]
        rest = [p for name, p in named if p.dim() != 2 or "embed" in name]
        self.all: list[torch.optim.Optimizer] = [
            torch.optim.Muon(
                inside, lr=plan.peak, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"
            ),
            torch.optim.AdamW(rest, lr=plan.peak, betas=(0.9, 0.95), weight_decay=0.0, fused=True),
        ]

    def step(self, rate: float) -> None:
        """One update at this learning rate; clears the gradients."""
        for one in self.all:
            for group in one.param_groups:
                group["lr"] = rate
            one.step()
            one.zero_grad(set_to_none=True)


def loss_of(network: nn.Module, batch: batches.Batch) -> Tensor:
    """The weighted sum of the cross entropies of one batch."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network(batch.inputs)
    losses = functional.cross_entropy(
        logits.flatten(0, 1).float(), batch.targets.flatten(), reduction="none"
    )
    return (losses * batch.weights.flatten()).sum()


def save(path: Path, network: nn.Module, optimizers: Optimizers, progress: Progress) -> None:
    """Writes a checkpoint beside the old one and moves it into place."""
    part = path.with_suffix(".part")
    state = {
        "network": network.state_dict(),
        "optimizers": [one.state_dict() for one in optimizers.all],
        "progress": [progress.step, progress.seen, progress.busy_s],
        "place": [progress.place.pool, progress.place.used],
    }
    torch.save(state, part)
    part.replace(path)


def restore(path: Path, network: nn.Module, optimizers: Optimizers) -> Progress:
    """Reads a checkpoint if there is one."""
    if not path.exists():
        return Progress()
    state = torch.load(path, weights_only=True)
    network.load_state_dict(state["network"])
    for one, saved in zip(optimizers.all, state["optimizers"], strict=True):
        one.load_state_dict(saved)
    step, seen, busy_s = state["progress"]
    return Progress(step, seen, busy_s, batches.Place(*state["place"]))


@dataclass(slots=True)
class Recent:
    """The losses of the last steps, those of drills apart."""

    text: deque[float] = field(default_factory=lambda: deque(maxlen=REPORT_STEPS))
    drill: deque[float] = field(default_factory=lambda: deque(maxlen=REPORT_STEPS // 4))


def report(progress: Progress, recent: Recent, rate: float) -> None:
    """One line of the log."""
    speed = progress.seen / max(progress.busy_s, 1e-9)
    line = {
        "step": progress.step,
        "tokens": progress.seen,
        "loss": _mean(recent.text),
        "drill_loss": _mean(recent.drill),
        "rate": round(rate, 6),
        "tokens_per_s": round(speed),
        "minutes": round(progress.busy_s / 60, 1),
    }
    print(json.dumps(line), flush=True)


def _mean(losses: deque[float]) -> float | None:
    return round(sum(losses) / len(losses), 4) if losses else None


def report_end(progress: Progress) -> None:
    """The last line of the log: what the whole training took; memory is that of one process."""
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    minutes = round(progress.busy_s / 60, 1)
    print(json.dumps({"tokens": progress.seen, "minutes": minutes, "peak_mb": peak_mb}), flush=True)


def average_gradients(network: nn.Module) -> None:
    """Adds up the gradients of all processes."""
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    sizes = [gradient.numel() for gradient in gradients]
    for gradient, part in zip(gradients, torch.split(flat, sizes), strict=True):
        gradient.copy_(part.view_as(gradient))


def learn(network: nn.Module, drawn: list[batches.Batch], rank: int) -> float:
    """Leaves the gradient of all drawn batches in every process; returns this one's mean loss."""
    weight = float(sum(batch.weights.sum() for batch in drawn))
    own = drawn[rank]
    loss = loss_of(network, own) / weight
    torch.autograd.backward(loss)
    average_gradients(network)
    nn.utils.clip_grad_norm_(network.parameters(), CLIP)
    return loss.item() * weight / float(own.weights.sum())


@dataclass(slots=True)
class Trainer:
    """One process's share of the training; rank 0 also reports and saves."""

    network: nn.Module
    optimizers: Optimizers
    plan: Plan
    progress: Progress
    rank: int
    n_ranks: int
    vocabulary: int

    def step(self, data: Iterator[batches.Batch]) -> float:
        """One update from one batch for every rank; returns the loss of the own one."""
        began = time.monotonic()
        drawn = [self.draw(data, i) for i in range(self.n_ranks)]
        loss = learn(self.network, drawn, self.rank)
        self.optimizers.step(self.plan.rate(self.progress.seen))
        self.progress.step += 1
        self.progress.seen += sum(batch.n_tokens for batch in drawn)
        self.progress.busy_s += time.monotonic() - began
        return loss

    def draw(self, data: Iterator[batches.Batch], i: int) -> batches.Batch:
        """The next batch of text, or a drill in its place."""
        if i == 0 and self.plan.drills(self.progress.step, self.progress.seen):
            rng = Random(self.progress.step)
            n_tokens = self.plan.batch_tokens
            return batches.drill(rng, vocabulary=self.vocabulary, n_tokens=n_tokens)
        return next(data)

    def run(self, data: Iterator[batches.Batch], path: Path) -> None:
        """Trains to the end of the plan."""
        saved = time.monotonic()
        recent = Recent()
        while self.progress.seen < self.plan.n_tokens:
            is_drill = self.plan.drills(self.progress.step, self.progress.seen)
            (recent.drill if is_drill else recent.text).append(self.step(data))
            if self.rank:
                continue
            if self.progress.step % REPORT_STEPS == 0:
                report(self.progress, recent, self.plan.rate(self.progress.seen))
            if time.monotonic() - saved > CHECKPOINT_S:
                save(path, self.network, self.optimizers, self.progress)
                saved = time.monotonic()


def train(words: Tokenizer, plan: Plan, path: Path, *, rank: int, n_ranks: int) -> None:
    """Runs the plan to its end, from the checkpoint if there is one."""
    torch.manual_seed(SEED)
    shape = Shape(vocab_size=words.get_vocab_size())
    network = Llama(shape)
    headstart.place(network, shape)
    optimizers = Optimizers(network, plan)
    progress = restore(path, network, optimizers)
    data = batches.stream(words, progress.place, n_tokens=plan.batch_tokens)
    Trainer(network, optimizers, plan, progress, rank, n_ranks, shape.vocab_size).run(data, path)
    if rank == 0:
        save(path, network, optimizers, progress)
        report_end(progress)


def work(options: argparse.Namespace) -> None:
    """One process: one thread, every n-th batch; the first one writes."""
    torch.set_num_threads(1)
    meeting = (options.work / "meeting").absolute().as_uri()
    distributed.init_process_group(
        "gloo", init_method=meeting, rank=options.rank, world_size=options.processes
    )
    words = tokenizer.load(options.tokenizer)
    path = options.work / "checkpoint.pt"
    plan = Plan(n_tokens=options.tokens)
    train(words, plan, path, rank=options.rank, n_ranks=options.processes)
    distributed.destroy_process_group()


def start(options: argparse.Namespace) -> None:
    """Runs this module once for every rank and waits for all of them."""
    options.work.mkdir(parents=True, exist_ok=True)
    (options.work / "meeting").unlink(missing_ok=True)
    command = [sys.executable, "-m", "recipe.train", *sys.argv[1:], "--rank"]
    running = [subprocess.Popen([*command, str(rank)]) for rank in range(options.processes)]
    sys.exit(max(one.wait() for one in running))


def main() -> None:
    """Reads the arguments; without a rank, starts all ranks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--work", type=Path, default=Path("../../build/demo"), help="folder for the checkpoint"
    )
    parser.add_argument("--tokenizer", type=Path, default=Path("mlx/tokenizer.json"))
    parser.add_argument("--tokens", type=int, default=14_000_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rank", type=int, help="set by the first process for the others")
    options = parser.parse_args()
    if options.rank is None:
        start(options)
    else:
        work(options)


if __name__ == "__main__":
    main()
