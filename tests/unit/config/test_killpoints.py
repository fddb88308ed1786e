"""Kill points end the process where they are told to, and nowhere else."""

import subprocess
import sys

import pytest

from velocity_local.core.killpoints import EXIT_STATUS, KillPoints

PROGRAM = """
from velocity_local.core import killpoints
killpoints.arm({spec!r})
for number in range(5):
    killpoints.maybe_kill("history.before_insert")
    print(number, flush=True)
    killpoints.maybe_kill("history.after_insert")
"""


@pytest.mark.parametrize(
    ("spec", "printed", "status"),
    [
        ("history.after_insert", 1, EXIT_STATUS),
        ("history.after_insert:3", 3, EXIT_STATUS),
        ("history.before_insert:3", 2, EXIT_STATUS),
        ("history.after_commit", 5, 0),
        ("", 5, 0),
    ],
)
def test_the_process_ends_at_the_passage_asked_for(spec: str, printed: int, status: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(spec=spec)], capture_output=True, check=False
    )
    assert (len(done.stdout.split()), done.returncode) == (printed, status)


def test_a_point_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no kill point 'history\.never'"):
        KillPoints().arm("history.never")
