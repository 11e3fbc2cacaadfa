import sys
from pathlib import Path

# As when they are run: Python searches the script's own folder first.
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path[:0] = [str(BENCHMARKS / folder) for folder in ("accuracy", "speed", "report")]
