import sys
from pathlib import Path

# As when they are run: Python looks beside the script first.
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
