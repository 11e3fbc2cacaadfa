"""What answers a test of values beside the learner: rules, and general learners, that the recipe names."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from quickstudy.core import Experiment, Learner, TaskDistribution
from quickstudy.evaluation import FunctionEvaluation, evaluate_functions
from quickstudy.pretrained import load
from quickstudy.protocols.measuring import Progress, shown_by
from quickstudy.protocols.records import functions_records


class Compared(NamedTuple):
    """The figures of something that was not trained for these tasks."""

    name: str
    """What it is."""
    test: str
    """Title of the tasks."""
    evaluation: FunctionEvaluation
    """The figures."""
    layout: Any
    """How many points there are."""

    @property
    def title(self) -> str:
        """Title of the row."""
        return f"{self.test}: {self.name}"


def compared(
    experiment: Experiment,
    tests: Mapping[str, TaskDistribution],
    num_tasks: int,
    seed: int,
    data_root: Path | None,
    progress: Progress | None = None,
) -> list[Compared]:
    """The figures of all that the experiment names, on the same tasks as those of the learner.

    Args:
        experiment: The experiment.
        tests: The tasks, by title.
        num_tasks: Tasks of each setting.
        seed: Decides the tasks.
        data_root: Folder of the data sets.
        progress: Called with the title and the number of tasks that are done.
    """
    learners: dict[str, Learner] = {
        name: load(each) if isinstance(each, str) else each(data_root)
        for name, each in experiment.compared_with.items()
    }
    found = []
    for test, tasks in tests.items():
        for name, learner in learners.items():
            shown = shown_by(progress, f"{test}: {name}")
            evaluation = evaluate_functions(learner.to(tasks.device), tasks, num_tasks, seed, shown)
            found.append(Compared(name, test, evaluation, getattr(tasks, "layout", None)))
    return found


def compared_records(found: Sequence[Compared], learner: Learner, seed: int) -> list[dict[str, Any]]:
    """What `--json` prints of them.

    Args:
        found: The figures.
        learner: The learner that they stand beside.
        seed: The seed that decided the tasks.
    """
    return [
        record
        for each in found
        for record in functions_records([(each.test, each.evaluation, each.layout)], learner, each.name, seed)
    ]
