"""Training on Lightning Fabric: one loop, resumable, on one device or many."""

from quickstudy.training.logging import CSVLog, Log, TensorBoardLog
from quickstudy.training.loop import NonFiniteLossError, train
from quickstudy.training.run import Progress, Run

__all__ = ["CSVLog", "Log", "NonFiniteLossError", "Progress", "Run", "TensorBoardLog", "train"]
