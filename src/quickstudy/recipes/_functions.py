"""The training that the learners of functions share: curves of Garnelo et al. (2018), section 4.1."""

from quickstudy.core import Experiment, Learner
from quickstudy.tasks import GaussianProcesses, PointLayout
from quickstudy.tasks.kernels import Stationary

PAPERS_CURVES = Stationary("squared exponential", length=0.4, scale=1.0)
PAPERS_NOISE = 0.02
_PAPERS_LAYOUT = PointLayout(support=(3, 9), queries=(2, 9), low=-2.0, high=2.0)


def curves_experiment(
    learner: Learner, *, predicts_support: bool = True, tasks_per_step: int, learning_rate: float, steps: int
) -> Experiment:
    """Train on curves from a Gaussian process: values of further points are asked for, and those of the support.

    Not the support's where deviations have no floor, since then nothing bounds the likelihood of what is known. The
    weights kept are those that find the further points likeliest, the support's own values being easy.
    """
    further, all_points = _PAPERS_LAYOUT, _PAPERS_LAYOUT._replace(predicts_support=True)
    asked = all_points if predicts_support else further
    return Experiment(
        learner=learner,
        train=lambda _: GaussianProcesses(asked, PAPERS_CURVES, noise=PAPERS_NOISE),
        validation=lambda _: GaussianProcesses(further, PAPERS_CURVES, noise=PAPERS_NOISE),
        test={
            "further points": lambda _: GaussianProcesses(further, PAPERS_CURVES, noise=PAPERS_NOISE),
            "all points": lambda _: GaussianProcesses(all_points, PAPERS_CURVES, noise=PAPERS_NOISE),
        },
        steps=steps,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        warmup_steps=200,
        gradient_clip=10.0,
        average_decay=0.999,
        validate_every=1_000,
        validation_tasks=1_000,
        validate_by="functions",
    )
