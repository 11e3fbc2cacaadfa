"""Distributions over tasks: they take arrays and give `Tasks`."""

from quickstudy.tasks.augmentation import Augmentation, bent_classes
from quickstudy.tasks.completion import Completion, CompletionLayout, GeneratedCompletion
from quickstudy.tasks.dealing import Count, Layout, Shots, ShotsOfEach, UnevenShots
from quickstudy.tasks.episodes import Episodes, GeneratedEpisodes, mirrored_classes, rotated_classes
from quickstudy.tasks.functions import Functions, PointLayout, Sinusoids
from quickstudy.tasks.gaussian_processes import GaussianProcesses
from quickstudy.tasks.jitter import Jitter
from quickstudy.tasks.mixture import Mixture
from quickstudy.tasks.pairs import AugmentedPairs
from quickstudy.tasks.sequences import GeneratedSequences, InstanceSequences, SequenceLayout
from quickstudy.tasks.shared import SharedEpisodes
from quickstudy.tasks.stages import Stages

__all__ = [
    "Augmentation",
    "AugmentedPairs",
    "Completion",
    "CompletionLayout",
    "Count",
    "Episodes",
    "Functions",
    "GaussianProcesses",
    "GeneratedCompletion",
    "GeneratedEpisodes",
    "GeneratedSequences",
    "InstanceSequences",
    "Jitter",
    "Layout",
    "Mixture",
    "PointLayout",
    "SequenceLayout",
    "SharedEpisodes",
    "Shots",
    "ShotsOfEach",
    "Sinusoids",
    "Stages",
    "UnevenShots",
    "bent_classes",
    "mirrored_classes",
    "rotated_classes",
]
