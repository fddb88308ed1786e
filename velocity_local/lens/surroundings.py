"""Facts of the machine that measures. Nothing in them names a person or a file."""

import os
import platform

from velocity_local.core.release import RELEASE
from velocity_local.lens.results import Fact


def client_facts() -> dict[str, Fact]:
    return {
        "lens": RELEASE,
        "python": platform.python_version(),
        "os": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }
