"""Puts velocity-local between the bare loop and a peer: same model, threads, samplers, prompts.

    python -m benchmarks.compare --peer "llama-server -m {model} --port {port} -t {threads} -np 16"

All contenders stay loaded and take turns; the order is turned round by round. Figures are the
medians over the rounds, ratios are taken within each round.

TTFT beyond the prefill is the time to the first text of a request that came alone, minus the
time the bare loop needs for the same prompt's prefill and first token, measured just before or
after it. What the server itself calls prefill is not used: a slow way of prefilling would hide
in it. The difference therefore holds connection, HTTP, template, tokenizing, both process walls,
the first event's way back, and any prefill that is slower than the bare one.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.contenders import Contender, Result, ServerContender, bare_contender
from benchmarks.gguf_random import add_model_arguments, model_from
from benchmarks.load import Load
from benchmarks.machine import Machine, look
from benchmarks.processes import peer, velocity
from benchmarks.prompts import fresh_seed
from benchmarks.ratios import pairwise_difference, pairwise_ratio
from benchmarks.sampling import add_sampling_arguments, sampling_from

BARE, OURS, PEER = "bare loop", "velocity-local", "peer"


@dataclass(frozen=True, slots=True)
class Plan:
    """The loads of one round."""

    one: Load
    many: Load
    first_token: Load
    first_token_repeats: int


@dataclass(slots=True)
class Figures:
    """All results of one contender, round by round; `first_token` has several a round."""

    one: list[Result] = field(default_factory=list)
    many: list[Result] = field(default_factory=list)
    first_token: list[Result] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Report:
    """A whole comparison."""

    machine: Machine
    model: str
    threads: int
    plan: Plan
    figures: dict[str, Figures]


def compare(contenders: Sequence[Contender], plan: Plan, *, rounds: int) -> dict[str, Figures]:
    """One round that is not counted, then `rounds` that are."""
    figures = {contender.name: Figures() for contender in contenders}
    for contender in contenders:
        contender.run(fresh(plan.one))
        contender.run(fresh(plan.many))
    for number in range(rounds):
        turned = [*contenders[number % len(contenders) :], *contenders[: number % len(contenders)]]
        one, many = fresh(plan.one), fresh(plan.many)
        for contender in turned:
            figures[contender.name].one.append(contender.run(one))
        for contender in turned:
            figures[contender.name].many.append(contender.run(many))
        for _ in range(plan.first_token_repeats):
            first_token = fresh(plan.first_token)
            for contender in turned:
                figures[contender.name].first_token.append(contender.run(first_token))
        print(f"round {number + 1} of {rounds}: {_round_line(figures)}", flush=True)
    return figures


def fresh(load: Load) -> Load:
    """The same load with prompts that no server has seen."""
    return replace(load, first_seed=fresh_seed())


def _round_line(figures: dict[str, Figures]) -> str:
    return "  ".join(
        f"{name} {own.one[-1].decode_tokens_per_s:.1f} and {own.many[-1].total_tokens_per_s:.1f}"
        for name, own in figures.items()
    )


def markdown(report: Report) -> Iterator[str]:
    """The table, and under it what it was measured with."""
    names = list(report.figures)
    yield "| figure | " + " | ".join(names) + " | " + " | ".join(_ratio_titles(names)) + " |"
    yield "|---" * (1 + len(names) + len(_ratio_titles(names))) + "|"
    for title, values in _rates(report).items():
        middles = [f"{median(values[name]):.1f}" for name in names]
        ratios = [str(pairwise_ratio(values[OURS], values[name])) for name in names if name != OURS]
        yield f"| {title} | " + " | ".join([*middles, *ratios]) + " |"
    yield _first_token_row(report)
    yield ""
    yield from _notes(report)


def _ratio_titles(names: Sequence[str]) -> list[str]:
    return [f"{OURS} / {name}" for name in names if name != OURS]


def _rates(report: Report) -> dict[str, dict[str, list[float]]]:
    many = report.plan.many.streams
    figures = report.figures.items()
    return {
        "1 stream, decode tok/s": {
            name: [result.decode_tokens_per_s for result in own.one] for name, own in figures
        },
        "1 stream, whole request tok/s": {
            name: [result.total_tokens_per_s for result in own.one] for name, own in figures
        },
        f"{many} streams, total tok/s": {
            name: [result.total_tokens_per_s for result in own.many] for name, own in figures
        },
        f"{many} streams, decode tok/s": {
            name: [result.decode_tokens_per_s for result in own.many] for name, own in figures
        },
    }


def _first_token_row(report: Report) -> str:
    ttft = {
        name: [result.ttft_ms for result in own.first_token] for name, own in report.figures.items()
    }
    cells = [
        f"prefill {median(ttft[name]):.1f}"
        if name == BARE
        else f"TTFT {median(ttft[name]):.1f}, beyond {pairwise_difference(ttft[name], ttft[BARE])}"
        for name in report.figures
    ]
    blanks = ["" for _ in _ratio_titles(list(report.figures))]
    return "| TTFT beyond the prefill, ms | " + " | ".join([*cells, *blanks]) + " |"


def _notes(report: Report) -> Iterator[str]:
    plan = report.plan
    yield f"{report.machine.line()}. {report.model}, {report.threads} threads."
    yield (
        f"{len(report.figures[OURS].one)} rounds; prompts of {plan.one.words} words;"
        f" {plan.one.max_tokens} tokens for one stream, {plan.many.max_tokens} for each of"
        f" {plan.many.streams}; {len(report.figures[OURS].first_token)} first tokens."
        " Ratios and differences: median (lowest to highest; for TTFT the quartiles)."
    )
    for name, own in report.figures.items():
        prompt_tokens = median(result.prompt_tokens for result in own.one)
        costs = [result.cpu_us_per_token for result in own.many if result.cpu_us_per_token]
        cost = f", daemon {median(costs):.0f} us of processor per token at many" if costs else ""
        itl = [result.itl_p99_ms for result in own.many if result.itl_p99_ms]
        gaps = f", inter-token p99 {median(itl):.0f} ms at many" if itl else ""
        yield f"{name}: {prompt_tokens:.0f} prompt tokens{gaps}{cost}."


def _plan(arguments: argparse.Namespace) -> Plan:
    one = Load(
        streams=1,
        words=arguments.words,
        max_tokens=arguments.one_max_tokens,
        sampling=sampling_from(arguments),
        first_seed=0,
    )
    return Plan(
        one=one,
        many=replace(one, streams=arguments.streams, max_tokens=arguments.max_tokens),
        first_token=replace(one, max_tokens=2),
        first_token_repeats=arguments.first_token_repeats,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.compare")
    add_model_arguments(parser)
    add_sampling_arguments(parser)
    parser.add_argument("--model", type=Path, help="a GGUF file instead of the random model")
    parser.add_argument("--peer", help="command with {model}, {port} and {threads}")
    parser.add_argument("--peer-name", default=PEER)
    parser.add_argument("--peer-ready", default="/health", help="path that answers 200 when ready")
    parser.add_argument("--set", action="append", default=[], help="a setting of velocity-local")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--words", type=int, default=100)
    parser.add_argument("--max-tokens", type=int, default=64, help="of each of the many streams")
    parser.add_argument("--one-max-tokens", type=int, default=192, help="of the single stream")
    parser.add_argument("--first-token-repeats", type=int, default=9, help="a round")
    parser.add_argument("--json", type=Path, help="file for every single result")
    arguments = parser.parse_args()
    report = _measure(arguments, arguments.model or model_from(arguments))
    print("\n" + "\n".join(markdown(report)))
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.encode(asdict(report)))


def _measure(arguments: argparse.Namespace, model: Path) -> Report:
    machine = look()
    print(machine.line(), flush=True)
    plan = _plan(arguments)
    settings = [f"engine.n_threads={arguments.threads}", *arguments.set]
    with ExitStack() as stack:
        contenders: list[Contender] = [
            stack.enter_context(bare_contender(model, threads=arguments.threads)),
            ServerContender(OURS, stack.enter_context(velocity(model, settings))),
        ]
        if arguments.peer:
            server = stack.enter_context(
                peer(
                    arguments.peer,
                    model,
                    threads=arguments.threads,
                    ready_path=arguments.peer_ready,
                )
            )
            contenders.append(ServerContender(arguments.peer_name, server))
        figures = compare(contenders, plan, rounds=arguments.rounds)
    return Report(machine, model.name, arguments.threads, plan, figures)


if __name__ == "__main__":
    main()
