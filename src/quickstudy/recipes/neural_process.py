"""Neural Processes with a latent variable: Garnelo et al. (2018), on curves as their conditional ones are."""

from quickstudy.core import Experiment
from quickstudy.learners import NeuralProcess
from quickstudy.learners.neural_process import Objective
from quickstudy.recipes._functions import curves_experiment


def gp_neural_process(
    *,
    hidden: int = 128,
    latent: int = 128,
    direct_path: bool = False,
    objective: Objective = "elbo",
    training_samples: int = 1,
    samples: int = 32,
    floor: float = 0.1,
    tasks_per_step: int = 64,
    learning_rate: float = 1e-3,
    steps: int = 60_000,
) -> Experiment:
    """A neural process with a latent variable on curves from a Gaussian process.

    Args:
        hidden: Width of all layers.
        latent: Numbers of the latent variable.
        direct_path: Let the decoder read a mean of the points beside the latent variable.
        objective: Raise the evidence lower bound, or an estimate of the likelihood, which needs several draws.
        training_samples: Draws of the latent variable for each curve in training.
        samples: Draws that a prediction mixes.
        floor: Least standard deviation of what a draw says, as in CNP.
        tasks_per_step: Curves in one optimiser step.
        learning_rate: Of Adam, at its highest.
        steps: Optimiser steps.
    """
    learner = NeuralProcess(
        hidden=hidden,
        latent=latent,
        has_direct_path=direct_path,
        objective=objective,
        training_samples=training_samples,
        num_samples=samples,
        floor=floor,
    )
    return curves_experiment(learner, tasks_per_step=tasks_per_step, learning_rate=learning_rate, steps=steps)
