"""Room for many connections, in a process of its own: limits cannot be given back."""

import subprocess
import sys

_PROGRAM = """
import resource
from velocity_local.lens.descriptors import make_room
from velocity_local.lens.errors import BadScenario
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 1000))
make_room(10)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
make_room(5)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
try:
    make_room(5000)
except BadScenario as error:
    print(error)
"""


def test_the_limit_is_raised_as_far_as_it_goes_and_no_further() -> None:
    command = [sys.executable, "-c", _PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    raised, kept, refused = done.stdout.splitlines()
    assert (raised, kept) == ("138", "138")
    assert "5000 streams need 5128 open files, and this system allows 1000" in refused
