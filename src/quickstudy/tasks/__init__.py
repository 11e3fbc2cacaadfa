"""Distributions over tasks. They take arrays and give `Tasks`."""

from quickstudy.tasks.augmentation import Augmentation, warped_classes
from quickstudy.tasks.bandits import Bandit, Bandits
from quickstudy.tasks.boolean import BooleanPlane
from quickstudy.tasks.completion import Completion, CompletionLayout, GeneratedCompletion
from quickstudy.tasks.continual import StageLabels, TaskSequences, in_stages
from quickstudy.tasks.contrastive_pairs import ContrastivePairs
from quickstudy.tasks.episodes import Episodes, GeneratedEpisodes, mirrored_classes, rotated_classes
from quickstudy.tasks.functions import Functions, PointLayout, Sinusoids
from quickstudy.tasks.gaussian_processes import GaussianProcesses
from quickstudy.tasks.jitter import Jitter
from quickstudy.tasks.mazes import Maze, Mazes
from quickstudy.tasks.mdps import MDP, PUBLISHED_NORMALISER, MDPs
from quickstudy.tasks.mixture import Mixture
from quickstudy.tasks.navigation import Navigation, Square
from quickstudy.tasks.projections import ProjectedPrototypes
from quickstudy.tasks.prototypes import PrototypeLayout, Prototypes
from quickstudy.tasks.sampling import Count, Layout, Shots, ShotsOfEach, UnevenShots, changed_images
from quickstudy.tasks.sequences import GeneratedSequences, InstanceSequences, SequenceLayout
from quickstudy.tasks.shaped_classes import ShapedClasses, ShapesLayout
from quickstudy.tasks.shared import SharedEpisodes
from quickstudy.tasks.shown_trials import Anything, Decided, RandomMoves, ShownTrials
from quickstudy.tasks.stages import Stages

__all__ = [
    "MDP",
    "PUBLISHED_NORMALISER",
    "Anything",
    "Augmentation",
    "Bandit",
    "Bandits",
    "BooleanPlane",
    "Completion",
    "CompletionLayout",
    "ContrastivePairs",
    "Count",
    "Decided",
    "Episodes",
    "Functions",
    "GaussianProcesses",
    "GeneratedCompletion",
    "GeneratedEpisodes",
    "GeneratedSequences",
    "InstanceSequences",
    "Jitter",
    "Layout",
    "MDPs",
    "Maze",
    "Mazes",
    "Mixture",
    "Navigation",
    "PointLayout",
    "ProjectedPrototypes",
    "PrototypeLayout",
    "Prototypes",
    "RandomMoves",
    "SequenceLayout",
    "ShapedClasses",
    "ShapesLayout",
    "SharedEpisodes",
    "Shots",
    "ShotsOfEach",
    "ShownTrials",
    "Sinusoids",
    "Square",
    "StageLabels",
    "Stages",
    "TaskSequences",
    "UnevenShots",
    "changed_images",
    "in_stages",
    "mirrored_classes",
    "rotated_classes",
    "warped_classes",
]
