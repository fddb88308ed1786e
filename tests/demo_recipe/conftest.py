"""Makes the recipe importable; nothing here needs torch."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "models" / "demo"))
