"""Neural Processes with a latent variable: Garnelo et al. (2018), on the curves of their conditional relatives."""

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import NeuralProcess
from quickstudy.learners.neural_process import Objective
from quickstudy.recipes._functions import curves_experiment, function_optimisation


def gp_neural_process(
    *,
    hidden: int = 128,
    latent: int = 128,
    direct_path: bool = False,
    objective: Objective = "elbo",
    training_samples: int = 1,
    samples: int = 32,
    floor: float = 0.1,
    optimisation: Optimisation = function_optimisation(steps=60_000),
) -> Experiment:
    """A neural process with a latent variable on curves from a Gaussian process.

    Args:
        hidden: Width of all layers.
        latent: Dimensions of the latent variable.
        direct_path: Let the decoder read a mean of the points beside the latent variable.
        objective: Maximise the evidence lower bound, or an estimate of the likelihood, which needs several samples.
        training_samples: Samples of the latent variable for each curve in training.
        samples: Samples that a prediction is a mixture of.
        floor: Smallest standard deviation of a component of the mixture, as in CNP.
        optimisation: Optimiser and schedule.
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
    return curves_experiment(learner, optimisation)
