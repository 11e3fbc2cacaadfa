"""The test at the end of a training: the best weights on tasks they have never seen, as figures and as pictures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from quickstudy.core import Experiment, Learner, UserError, unchecked_distributions
from quickstudy.evaluation import evaluate, evaluate_instances, provenance
from quickstudy.evaluation.episode_pictures import save_episode
from quickstudy.evaluation.plots import save_instances
from quickstudy.pretrained import load
from quickstudy.protocols.measuring import Progress, shown_by
from quickstudy.protocols.records import evaluation_record, functions_records, instances_record, json_text
from quickstudy.protocols.regression import PointOptions, by_support, evaluated, settings, with_compared
from quickstudy.protocols.regression_comparisons import compared, compared_records
from quickstudy.protocols.regression_pictures import pictures
from quickstudy.protocols.trial_pictures import trial_pictures
from quickstudy.protocols.trial_rewards import trial_records, trial_table

_UNSEEN = {
    "queries": "on classes",
    "instances": "on classes",
    "functions": "on functions",
    "trials": "in worlds",
}


@dataclass(frozen=True)
class FinalTest:
    """Which run is tested, and on how many tasks.

    Args:
        recipe: Name of the recipe.
        folder: The folder of the run, which has its weights and gets evaluation.json and the pictures.
        experiment: What the recipe built.
        num_tasks: Tasks of each setting.
        seed: Decides the tasks.
        data_root: Folder with the data sets, if not the usual one.
        metrics: The CSV file of the training's figures, for the curves of accuracy by instance.
    """

    recipe: str
    folder: Path
    experiment: Experiment
    num_tasks: int
    seed: int
    data_root: Path | None
    metrics: Path

    def measure(self, progress: Progress | None = None) -> "FinalResult":
        """Evaluate, and write evaluation.json.

        Args:
            progress: Called with the setting and the number of tasks that are done.
        """
        learner, kind = load(self.folder), self.experiment.validate_by
        measures = {
            "queries": self._by_query,
            "instances": self._by_instance,
            "functions": self._by_value,
            "trials": self._by_trial,
        }
        found = measures[kind](learner, progress)
        # Before drawing: a library that is missing for pictures must not cost the figures.
        found.write()
        return found

    def _result(
        self, rows: Mapping[str, Any], records: Mapping[str, Any], drawings: Mapping[Path, Callable[[], None]]
    ) -> "FinalResult":
        return FinalResult(self.recipe, self.folder, self.experiment.validate_by, rows, records, drawings)

    def _by_query(self, learner: Learner, progress: Progress | None) -> "FinalResult":
        rows = {
            title: evaluate(learner, source(self.data_root), self.num_tasks, self.seed, shown_by(progress, title))
            for title, source in self.experiment.test.items()
        }
        records = [
            {
                "setting": title,
                **evaluation_record(row, self.recipe, self.seed, is_transductive=learner.is_transductive),
            }
            for title, row in rows.items()
        ]
        picture = self.folder / "episode.png"
        return self._result(rows, {"test": records}, {picture: partial(self._draw_episode, picture, learner)})

    def _by_instance(self, learner: Learner, progress: Progress | None) -> "FinalResult":
        rows, records = {}, []
        for title, source in self.experiment.test.items():
            tasks: Any = source(self.data_root)
            shown = shown_by(progress, title)
            rows[title] = evaluate_instances(learner, tasks, self.num_tasks, seed=self.seed, progress=shown)
            record = instances_record(rows[title], learner, self.recipe, self.seed, tasks.layout)
            records.append({"setting": title, **record})
        picture = self.folder / "instances.png"
        draw = partial(save_instances, picture, self.metrics, self.experiment.optimisation.tasks_per_step)
        return self._result(rows, {"test": records}, {picture: draw})

    def _by_value(self, learner: Learner, progress: Progress | None) -> "FinalResult":
        rows = settings(self.experiment, PointOptions(), self.data_root)
        sizes = by_support(self.experiment, self.data_root)
        found = evaluated(learner, [*rows, *sizes], self.num_tasks, self.seed, progress)
        measured = [(each.setting.title, each.evaluation, each.layout) for each in found]
        records = functions_records(measured, learner, self.recipe, self.seed)
        shown, by_size = found[: len(rows)], found[len(rows) :]
        tests = {row.title: row.tasks for row in rows}
        others = compared(self.experiment, tests, self.num_tasks, self.seed, self.data_root, progress)
        beside = {"compared_with": compared_records(others, learner, self.seed)} if others else {}
        return self._result(
            with_compared(shown, others),
            {"test": records[: len(rows)], "by_support": records[len(rows) :], **beside},
            pictures(self.folder, learner, shown, by_size, self.seed),
        )

    def _by_trial(self, learner: Any, progress: Progress | None) -> "FinalResult":
        tables = {
            title: trial_table(learner, source(self.data_root), self.num_tasks, self.seed, progress)
            for title, source in self.experiment.test.items()
        }
        drawings: dict[Path, Callable[[], None]] = {}
        for title, table in tables.items():
            drawings |= trial_pictures(self.folder, learner, table, title)
        return self._result(tables, {"test": trial_records(tables, self.recipe, self.seed)}, drawings)

    def _draw_episode(self, picture: Path, learner: Learner) -> None:
        tasks = next(iter(self.experiment.test.values()))(self.data_root)
        episode = tasks.sample(1, torch.Generator(tasks.device).manual_seed(self.seed))
        with torch.no_grad(), unchecked_distributions():
            answers = learner.predict(learner.adapt(episode.support_x, episode.support_y), episode.query_x)
        save_episode(picture, episode, answers)


@dataclass
class FinalResult:
    """The result of a test at the end of a training."""

    recipe: str
    """Name of the recipe."""
    folder: Path
    """Folder of the run."""
    kind: str
    """What was evaluated: queries, instances, functions or trials."""
    rows: Mapping[str, Any]
    """Of the table, by title."""
    records: Mapping[str, Any]
    """What is stored of the figures, by name."""
    drawings: Mapping[Path, Callable[[], None]]
    """For each picture what draws it."""
    drawn: list[Path] = field(default_factory=list)
    """The pictures that were drawn."""

    @property
    def title(self) -> str:
        """Which recipe on which tasks."""
        return f"{self.recipe} {_UNSEEN[self.kind]} it has never seen"

    def record(self) -> dict[str, Any]:
        """What evaluation.json holds."""
        picture = str(self.drawn[0]) if self.drawn else None
        return {
            "recipe": self.recipe,
            "folder": str(self.folder),
            "picture": picture,
            **self.records,
            **provenance(),
        }

    def write(self) -> None:
        """Write evaluation.json into the folder of the run."""
        (self.folder / "evaluation.json").write_text(json_text(self.record()) + "\n")

    def draw(self) -> list[str]:
        """Draw all pictures, and return a message for each that could not be drawn."""
        problems = []
        for path, draw in self.drawings.items():
            try:
                draw()
                self.drawn.append(path)
            except UserError as error:
                problems.append(f"no picture {path.name}: {error}")
        self.write()
        return problems
