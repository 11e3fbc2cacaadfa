"""Distributions over tasks: they take arrays and give `Tasks`."""

from quickstudy.tasks.episodes import Count, Episodes, GeneratedEpisodes, Layout, rotated_classes
from quickstudy.tasks.jitter import Jitter

__all__ = ["Count", "Episodes", "GeneratedEpisodes", "Jitter", "Layout", "rotated_classes"]
