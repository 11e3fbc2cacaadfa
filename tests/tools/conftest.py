import sys
from pathlib import Path

# As when they are run: Python searches the script's own folder first.
sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
