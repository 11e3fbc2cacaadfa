"""Tables and frozen features: classes of many shapes, made without data."""

from dataclasses import replace

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import AveragedGP, StandardisedMeans
from quickstudy.tasks import GaussianProcesses, ShapedClasses, ShapesLayout


def table_means() -> Experiment:
    """Class means of standardised features. It has nothing to train, and reads tables and frozen features."""
    return Experiment(
        learner=StandardisedMeans(),
        train=lambda _: ShapedClasses(),
        validation=lambda _: ShapedClasses(),
        test={"5-way 5-shot": lambda _: ShapedClasses(ShapesLayout(ways=(5, 5), shots=(5, 5)))},
        optimisation=Optimisation(steps=0, tasks_per_step=1),
    )


def feature_means() -> Experiment:
    """Class means of the directions of features. It has nothing to train, and reads features of a frozen encoder."""
    return replace(table_means(), learner=StandardisedMeans(by_direction=True))


def table_gp() -> Experiment:
    """Gaussian processes averaged over kernels. It has nothing to train, and reads tables of any number of columns."""
    return Experiment(
        learner=AveragedGP(),
        train=lambda _: GaussianProcesses(),
        validation=lambda _: GaussianProcesses(),
        test={"curves": lambda _: GaussianProcesses()},
        optimisation=Optimisation(steps=0, tasks_per_step=1),
        validate_by="functions",
    )
