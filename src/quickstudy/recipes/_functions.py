"""The training that the learners of functions share: curves of Garnelo et al. (2018), section 4.1."""

from functools import partial

from quickstudy.core import Experiment, Learner, Optimisation
from quickstudy.tasks import GaussianProcesses, PointLayout
from quickstudy.tasks.kernels import Stationary

PAPERS_CURVES = Stationary("squared exponential", length=0.4, scale=1.0)
PAPERS_NOISE = 0.02
_PAPERS_LAYOUT = PointLayout(support=(3, 9), queries=(2, 9), low=-2.0, high=2.0)


function_optimisation = partial(
    Optimisation, tasks_per_step=64, warmup_steps=200, gradient_clip=10.0, average_decay=0.999
)
"""The schedule that these learners share, with its own length."""


def curves_experiment(learner: Learner, optimisation: Optimisation, *, predicts_support: bool = True) -> Experiment:
    """Train on curves from a Gaussian process: predict further points, and the support's own values.

    Without a floor under the deviations the support's own values are left out, because their likelihood has no bound.
    The weights kept are those with the highest likelihood of the further points.
    """
    further, all_points = _PAPERS_LAYOUT, _PAPERS_LAYOUT._replace(predicts_support=True)
    trained = all_points if predicts_support else further
    return Experiment(
        learner=learner,
        train=lambda _: GaussianProcesses(trained, PAPERS_CURVES, noise=PAPERS_NOISE),
        validation=lambda _: GaussianProcesses(further, PAPERS_CURVES, noise=PAPERS_NOISE),
        test={
            "further points": lambda _: GaussianProcesses(further, PAPERS_CURVES, noise=PAPERS_NOISE),
            "all points": lambda _: GaussianProcesses(all_points, PAPERS_CURVES, noise=PAPERS_NOISE),
        },
        optimisation=optimisation,
        validate_every=1_000,
        validation_tasks=1_000,
        validate_by="functions",
    )
