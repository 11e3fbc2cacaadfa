"""Distributions over tasks: they take arrays and give `Tasks`."""

from quickstudy.tasks.episodes import Count, Episodes, GeneratedEpisodes, Layout, rotated_classes
from quickstudy.tasks.jitter import Jitter
from quickstudy.tasks.sequences import InstanceSequences, SequenceLayout

__all__ = [
    "Count",
    "Episodes",
    "GeneratedEpisodes",
    "InstanceSequences",
    "Jitter",
    "Layout",
    "SequenceLayout",
    "rotated_classes",
]
