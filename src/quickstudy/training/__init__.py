"""Training on Lightning Fabric: one loop, resumable, on one device or many."""

from quickstudy.training.logging import CSVLog, Log, TensorBoardLog
from quickstudy.training.loop import NonFiniteLossError, Progress, Run, train

__all__ = ["CSVLog", "Log", "NonFiniteLossError", "Progress", "Run", "TensorBoardLog", "train"]
