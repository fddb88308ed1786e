"""The proxy before a server slows down everything that a client sees, and changes nothing else."""

import argparse
import subprocess
import sys
from urllib.parse import urlsplit

from benchmarks.lens_accuracy import schedule_server
from velocity_local.lens import Concurrency, Lens, Scenario, Synthetic, Target

SCHEDULE = argparse.Namespace(ttft_ms=40.0, itl_ms=10.0, tokens=5, streams=2)


def test_an_answer_comes_whole_and_by_its_factor_later() -> None:
    with schedule_server(SCHEDULE) as url:
        command = [sys.executable, "-m", "benchmarks.stretching_proxy", "--factor", "2"]
        command += ["--to", urlsplit(url).netloc]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
            assert proxy.stdout is not None
            through = f"http://127.0.0.1:{int(proxy.stdout.readline())}/v1"
            scenario = Scenario(
                target=Target(provider="openai_compatible", url=through, model="m"),
                workload=Synthetic(prompt_tokens=8, output_tokens=5),
                load=Concurrency(streams=2, requests=6),
                warmup_requests=0,
            )
            result = Lens(environ={}).run(scenario)
            proxy.terminate()
    assert (result.n_requests, result.n_errors, result.n_output_tokens) == (6, {}, 30)
    assert all((record.ttft_ms or 0) >= 80 for record in result.records)
    assert all((record.e2e_ms or 0) >= 160 for record in result.records)
