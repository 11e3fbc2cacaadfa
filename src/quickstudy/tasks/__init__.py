"""Distributions over tasks. They take arrays and give `Tasks`."""

from quickstudy.tasks.augmentation import Augmentation, warped_classes
from quickstudy.tasks.boolean import BooleanPlane
from quickstudy.tasks.clusters import ClassClusters, ClusterLayout
from quickstudy.tasks.completion import Completion, CompletionLayout, GeneratedCompletion
from quickstudy.tasks.contrastive_pairs import ContrastivePairs
from quickstudy.tasks.episodes import Episodes, GeneratedEpisodes, mirrored_classes, rotated_classes
from quickstudy.tasks.functions import Functions, PointLayout, Sinusoids
from quickstudy.tasks.gaussian_processes import GaussianProcesses
from quickstudy.tasks.jitter import Jitter
from quickstudy.tasks.mixture import Mixture
from quickstudy.tasks.prototypes import PrototypeLayout, Prototypes
from quickstudy.tasks.sampling import Count, Layout, Shots, ShotsOfEach, UnevenShots
from quickstudy.tasks.sequences import GeneratedSequences, InstanceSequences, SequenceLayout
from quickstudy.tasks.shared import SharedEpisodes
from quickstudy.tasks.stages import Stages

__all__ = [
    "Augmentation",
    "BooleanPlane",
    "ClassClusters",
    "ClusterLayout",
    "Completion",
    "CompletionLayout",
    "ContrastivePairs",
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
    "PrototypeLayout",
    "Prototypes",
    "SequenceLayout",
    "SharedEpisodes",
    "Shots",
    "ShotsOfEach",
    "Sinusoids",
    "Stages",
    "UnevenShots",
    "mirrored_classes",
    "rotated_classes",
    "warped_classes",
]
