"""What the fuzzer runs: one input through the readers of hostile model files, under atheris.

    python -m benchmarks.fuzz_target CORPUS... [libFuzzer's flags]

Any exception but the readers' own ends it; so does an input that takes a second of processor time
(libFuzzer's own limit is on the clock, which runs on while others have the processor).
"""

import io
import sys
import time
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["velocity_local.core", "velocity_local.daemon.catalog"]):
    from velocity_local.core import safetensors
    from velocity_local.core.unsound import UnsoundFile
    from velocity_local.daemon.catalog import gguf
    from velocity_local.daemon.catalog.facts import read_facts
    from velocity_local.daemon.catalog.fit_bytes import read_shape
    from velocity_local.daemon.catalog.mlx import config


MAX_CPU_S = 1.0


def read(data: bytes) -> None:
    """As `preflight` reads a file of these bytes."""
    began_s = time.process_time()
    _read(data)
    taken_s = time.process_time() - began_s
    assert taken_s < MAX_CPU_S, f"{taken_s:.1f} s"


def _read(data: bytes) -> None:
    try:
        if data[:4] == b"GGUF":
            _gguf(data)
        elif data[:1] == b"{":
            _settings(data)
        else:
            safetensors.read_header(io.BytesIO(data), len(data))
    except UnsoundFile as error:
        str(error)


def _gguf(data: bytes) -> None:
    header = gguf.read_header(io.BytesIO(data), len(data))
    read_facts(header)
    read_shape(header, size_bytes=header.size_bytes, parameters=header.parameters)


def _settings(data: bytes) -> None:
    """As the documents beside the weights of a model in MLX's format."""
    for reader in (config.read_config, config.read_document, config.read_index):
        with suppress(UnsoundFile):
            reader(data)


if __name__ == "__main__":
    atheris.Setup(sys.argv, read)
    atheris.Fuzz()
