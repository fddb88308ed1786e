"""The daemon as it is, but for its models: they follow the script in the file SCRIPT names."""

import os
import sys
from unittest.mock import patch

from velocity_local.core.models import LoadOptions, ModelEntry
from velocity_local.daemon.app import main
from velocity_local.daemon.fleet.tuning.policy import LoadPolicy

MODULE = "tests.support.scripted_daemon"
SCRIPT = "TEST_SCRIPT"


def _run() -> int:
    path = os.environ.pop(SCRIPT)

    def options(_policy: LoadPolicy, _entry: ModelEntry) -> LoadOptions:
        return LoadOptions(backend="fake", backend_script=path)

    with patch.object(LoadPolicy, "options", options):
        return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(_run())
