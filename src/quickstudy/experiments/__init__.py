"""Experiments with systems that are no learners: they have neither a support set nor a meta-optimiser."""

from quickstudy.experiments.environments import Bandit, CartPole, Environment
from quickstudy.experiments.fitness_monotonic import Archive, Evolution, evolve, evolve_together
from quickstudy.experiments.self_modifying import SelfModifyingMatrix, execute

__all__ = [
    "Archive",
    "Bandit",
    "CartPole",
    "Environment",
    "Evolution",
    "SelfModifyingMatrix",
    "evolve",
    "evolve_together",
    "execute",
]
