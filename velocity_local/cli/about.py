"""The verb version."""

import platform

from velocity_local.cli.call import Call
from velocity_local.cli.exits import Exit
from velocity_local.core.release import RELEASE


def version(call: Call) -> int:
    """Print the version of this program; the daemon's own is in `status`."""
    if call.args.json:
        call.out.json(
            "version/1",
            version=RELEASE,
            python=platform.python_version(),
            platform=f"{platform.system()} {platform.machine()}",
        )
    else:
        call.out.line(f"velocity-local {RELEASE}")
    return Exit.OK
