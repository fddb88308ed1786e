"""A worker that may not have the memory says so, and is not a broken model."""

import resource
import subprocess
import sys
from pathlib import Path

import msgspec

from tests.support import tiny_models
from velocity_local.core.models import LoadOptions
from velocity_local.wire.ipc.codec import FrameSplitter, decode_report, encode
from velocity_local.wire.ipc.messages import Load, LoadFailed

ALLOWED_BYTES = 3 * 1024**3


def test_a_cache_that_cannot_be_had_is_out_of_memory(tmp_path: Path) -> None:
    path = tiny_models.write_llama(tmp_path / "tiny.gguf")
    options = LoadOptions(n_ctx=2**24, n_seq_max=1, kv_type="f32")  # 8 GiB
    with subprocess.Popen(
        [sys.executable, "-m", "velocity_local.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ALLOWED_BYTES, ALLOWED_BYTES)),
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(encode(Load(str(path), options)))
        worker.stdin.flush()  # and stays open: at its end the worker would leave
        (frame,) = FrameSplitter().feed(worker.stdout.read())
    report = decode_report(frame)
    assert isinstance(report, LoadFailed), msgspec.to_builtins(report)
    assert report.error.code == "out_of_memory"
    assert "allocate" in report.error.message
