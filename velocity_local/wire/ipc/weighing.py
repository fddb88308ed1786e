"""One question to a worker that will not serve: what would this load take? One JSON value down
its standard input, one up its standard output, then its end.
"""

import msgspec

from velocity_local.core.errors import ErrorInfo
from velocity_local.core.models import Buffers, LoadOptions

WEIGHING_MODULE = "velocity_local.worker.weigh"
MAX_ANSWER_BYTES = 64 * 1024


class Weigh(msgspec.Struct, frozen=True):
    path: str
    options: LoadOptions


class Weighed(msgspec.Struct, frozen=True, omit_defaults=True):
    """Either of them; `error` has the engine's own reason."""

    buffers: Buffers | None = None
    error: ErrorInfo | None = None
