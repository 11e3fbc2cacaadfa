"""Learners as graphs: one that adapts and one that predicts, for torch and for ONNX."""

from quickstudy.export.files import Exported, export_files
from quickstudy.export.graphs import Graphs, Sizes, trace

__all__ = ["Exported", "Graphs", "Sizes", "export_files", "trace"]
