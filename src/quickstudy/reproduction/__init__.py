"""Every figure by one command: train the shipped weights anew, in order, and compare what comes out."""

from quickstudy.reproduction.engines import Engine, LocalEngine, SubmititEngine
from quickstudy.reproduction.figures import Comparison, Figure, compared, figures_of
from quickstudy.reproduction.graph import in_order, parent_of, weights
from quickstudy.reproduction.jobs import Job, Progress, evaluations, run_all, training

__all__ = [
    "Comparison",
    "Engine",
    "Figure",
    "Job",
    "LocalEngine",
    "Progress",
    "SubmititEngine",
    "compared",
    "evaluations",
    "figures_of",
    "in_order",
    "parent_of",
    "run_all",
    "training",
    "weights",
]
