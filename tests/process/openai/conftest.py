"""Tests of MLX need MLX, which has no build for Windows."""

import importlib.util

collect_ignore = [] if importlib.util.find_spec("mlx") else ["test_mlx.py"]
