"""Experiments with systems that are no learners: they read no support set."""

from quickstudy.experiments.architecture_search import ArchitectureHypernetwork, rank_correlation
from quickstudy.experiments.architectures import Architecture
from quickstudy.experiments.environments import Bandit, CartPole, Environment
from quickstudy.experiments.fitness_monotonic import Archive, Evolution, evolve, evolve_together
from quickstudy.experiments.self_modifying import SelfModifyingMatrix, execute

__all__ = [
    "Architecture",
    "ArchitectureHypernetwork",
    "Archive",
    "Bandit",
    "CartPole",
    "Environment",
    "Evolution",
    "SelfModifyingMatrix",
    "evolve",
    "evolve_together",
    "execute",
    "rank_correlation",
]
