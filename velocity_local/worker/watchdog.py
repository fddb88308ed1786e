"""What a worker does to itself before it touches a model: it must die with its parent, be the
first to go when memory is short, leave no core file, and reach no network.

| | Linux | macOS | Windows |
|---|---|---|---|
| ends when the daemon's pipe ends (`worker.process`) | yes | yes | yes |
| is killed with the thread that started it | kernel | no | no |
| goes first when memory is short | kernel | no | no |
| no core file, bounded open files | kernel | kernel | no |
| no IP sockets from Python code | audit hook | audit hook | audit hook |
| no IP sockets from native code, or a child's | seccomp (x86-64, arm64) | no | no |
"""

import contextlib
import ctypes
import faulthandler
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from velocity_local.worker import seccomp

_log = logging.getLogger(__name__)

_MAX_OPEN_FILES = 1024
_OOM_SCORE = 500
_PR_SET_PDEATHSIG = 1
_SOCKET_EVENTS = frozenset(
    {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname"}
)
_IP_FAMILIES = frozenset({socket.AF_INET, socket.AF_INET6})


def isolate() -> None:
    """Apply all of it; what a system lacks is skipped. Call it before other threads start."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C in a terminal is the daemon's
    faulthandler.enable(sys.stderr)
    _limit_resources()
    if sys.platform == "linux":
        _die_with_parent()
        _volunteer_for_oom()
        if not seccomp.refuse_ip_sockets():
            _log.info("no seccomp filter here: native code could open sockets")
    sys.addaudithook(_refuse_network)


def _limit_resources() -> None:
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - POSIX only

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = _MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))


def _die_with_parent() -> None:
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was told
        sys.exit(0)


def _volunteer_for_oom() -> None:
    with contextlib.suppress(OSError):  # a sandbox may mount /proc read-only
        Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE))


def _refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    if event in _SOCKET_EVENTS or (event == "socket.__new__" and arguments[1] in _IP_FAMILIES):
        raise PermissionError(f"a worker may not use the network ({event})")
