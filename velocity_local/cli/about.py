"""The verb version."""

import platform
from importlib.metadata import version as installed_version

from velocity_local.cli.call import Call
from velocity_local.cli.exits import Exit


def version(call: Call) -> int:
    """Print the version of this program; the daemon's own is in `status`."""
    own = installed_version("velocity-local")
    if call.args.json:
        call.out.json(
            "version/1",
            version=own,
            python=platform.python_version(),
            platform=f"{platform.system()} {platform.machine()}",
        )
    else:
        call.out.line(f"velocity-local {own}")
    return Exit.OK
