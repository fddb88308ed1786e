"""Tests of what models take; those that limit memory need a system that can."""

import sys

collect_ignore = ["test_no_memory_posix.py"] if sys.platform == "win32" else []
