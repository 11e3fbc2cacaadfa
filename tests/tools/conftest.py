import sys
from pathlib import Path

# As when they are run: Python searches the script's own folder first.
_PROJECT = Path(__file__).parents[2]
sys.path[:0] = [str(_PROJECT / folder) for folder in ("tools", "benchmarks/report")]
