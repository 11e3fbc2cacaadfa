"""Training by evolution, for learners whose loss no gradient need reach."""

from quickstudy.training.evolution.covariance import CMAES
from quickstudy.training.evolution.perturbations import centred_ranks, low_rank_noise
from quickstudy.training.evolution.population import (
    Evolution,
    evolve,
    population_losses,
    set_weights,
    trained_shapes,
    trained_weights,
)
from quickstudy.training.evolution.strategies import PGPE, SNES, OpenAIES, Strategy

__all__ = [
    "CMAES",
    "PGPE",
    "SNES",
    "Evolution",
    "OpenAIES",
    "Strategy",
    "centred_ranks",
    "evolve",
    "low_rank_noise",
    "population_losses",
    "set_weights",
    "trained_shapes",
    "trained_weights",
]
