"""The laws every learner obeys: `check_learner(learner, tasks)` holds your own learner to them too.

A law says what must be true whatever the learner is and however it is trained; so a learner that
leaks its queries, changes itself, ignores its support or favours a label is caught without a benchmark.
"""

import copy

import torch

from quickstudy.core import Learner, Tasks
from quickstudy.testing.causality import answers_along, check_causality
from quickstudy.testing.comparing import LawBrokenError, is_classification
from quickstudy.testing.laws import LAWS
from quickstudy.testing.learning import training_beats_chance

__all__ = ["LawBrokenError", "answers_along", "check_causality", "check_learner"]


def check_learner(learner: Learner, tasks: Tasks, *, training_steps: int = 200) -> list[str]:
    """Check all laws on a learner, and return their names.

    A copy of the learner is trained. The learner itself and the global random state do not change.

    Args:
        learner: yours or ours.
        tasks: a few small tasks, two or more, each with two queries or more. For a classifier, the support and the
            queries of each task have every class.
        training_steps: steps of the training that must beat chance.

    Returns:
        The names of the laws.

    Raises:
        LawBrokenError: at the first law that does not hold. The message says what was seen.
    """
    # In float64, so that equal means equal up to rounding.
    subject = copy.deepcopy(learner).double().cpu().eval()
    exact = tasks.to("cpu", torch.float64)
    held = []
    with torch.random.fork_rng():
        for law in LAWS:
            law(subject, exact)
            held.append(law.__name__)
        if is_classification(exact):
            training_beats_chance(subject, exact, training_steps)
            held.append(training_beats_chance.__name__)
    return [name.replace("_", " ") for name in held]
