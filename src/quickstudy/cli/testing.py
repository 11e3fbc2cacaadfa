"""The end of a training: the best weights on classes they have never seen, as figures and as a picture."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from quickstudy.cli.display import EvaluationBar
from quickstudy.cli.options import print_evaluations, print_functions, print_instances, print_json
from quickstudy.cli.report import evaluation_record, functions_records, instances_record
from quickstudy.core import Experiment, Learner, TaskDistribution, unchecked_distributions
from quickstudy.evaluation import (
    Evaluation,
    FunctionEvaluation,
    InstanceTable,
    evaluate,
    evaluate_functions,
    evaluate_instances,
    provenance,
)
from quickstudy.evaluation.pictures import save_episode
from quickstudy.evaluation.plots import save_functions, save_instances
from quickstudy.pretrained import load
from quickstudy.training.run import METRICS


@dataclass(frozen=True)
class FinalTest:
    """Which run, and on how many tasks of each setting."""

    recipe: str
    folder: Path
    experiment: Experiment
    num_tasks: int
    seed: int
    data_root: Path | None

    def go(self, *, as_json: bool) -> None:
        """Evaluate, draw, leave evaluation.json in the folder, and print."""
        learner, kind = load(self.folder), self.experiment.validate_by
        picture = self.folder / _PICTURES[kind]
        rows, records = {"queries": self._by_query, "instances": self._by_instance, "functions": self._by_value}[kind](
            learner
        )
        record: dict[str, Any] = {"recipe": self.recipe, "folder": str(self.folder), "picture": str(picture)}
        record |= {"test": records, **provenance()}
        (self.folder / "evaluation.json").write_text(json.dumps(record, indent=2) + "\n")
        if as_json:
            print_json(record)
        else:
            _PRINTERS[kind](f"{self.recipe} on {_UNSEEN[kind]} it has never seen", rows)
        # Last, for want of a library to draw with must not cost the figures.
        if kind == "instances":
            save_instances(picture, self.folder / METRICS, self.experiment.tasks_per_step)
        elif kind == "functions":
            save_functions(picture, learner, self._first_test(), self.seed)
        else:
            self._draw_episode(picture, learner)
        if not as_json:
            Console().print(f"weights  {self.folder}\npicture  {picture}", soft_wrap=True, highlight=False)

    def _by_query(self, learner: Learner) -> tuple[dict[str, Evaluation], list[dict[str, Any]]]:
        rows: dict[str, Evaluation] = {}
        for title, source in self.experiment.test.items():
            with EvaluationBar(title, self.num_tasks) as bar:
                rows[title] = evaluate(learner, source(self.data_root), self.num_tasks, self.seed, bar.show)
        records = [
            {"setting": title, **evaluation_record(row, learner, self.recipe, self.seed)} for title, row in rows.items()
        ]
        return rows, records

    def _by_instance(self, learner: Learner) -> tuple[dict[str, InstanceTable], list[dict[str, Any]]]:
        rows: dict[str, InstanceTable] = {}
        records = []
        for title, source in self.experiment.test.items():
            tasks: Any = source(self.data_root)
            with EvaluationBar(title, self.num_tasks) as bar:
                rows[title] = evaluate_instances(learner, tasks, self.num_tasks, seed=self.seed, progress=bar.show)
            record = instances_record(rows[title], learner, self.recipe, self.seed, tasks.layout)
            records.append({"setting": title, **record})
        return rows, records

    def _by_value(self, learner: Learner) -> tuple[dict[str, FunctionEvaluation], list[dict[str, Any]]]:
        rows = evaluated_functions(learner, self.experiment, self.num_tasks, self.seed, self.data_root)
        return rows, functions_records(rows, learner, self.recipe, self.seed)

    def _first_test(self) -> TaskDistribution:
        return next(iter(self.experiment.test.values()))(self.data_root)

    def _draw_episode(self, picture: Path, learner: Learner) -> None:
        tasks = self._first_test()
        episode = tasks.sample(1, torch.Generator(tasks.device).manual_seed(self.seed))
        with torch.no_grad(), unchecked_distributions():
            answers = learner.predict(learner.adapt(episode.support_x, episode.support_y), episode.query_x)
        save_episode(picture, episode, answers)


def evaluated_functions(
    learner: Learner, experiment: Experiment, num_tasks: int, seed: int, data_root: Path | None
) -> dict[str, FunctionEvaluation]:
    """A learner of functions on every test of its experiment, by title."""
    rows = {}
    for title, source in experiment.test.items():
        with EvaluationBar(title, num_tasks) as bar:
            rows[title] = evaluate_functions(learner, source(data_root), num_tasks, seed, bar.show)
    return rows


_PICTURES = {"queries": "episode.png", "instances": "instances.png", "functions": "functions.png"}
_PRINTERS: dict[str, Any] = {
    "queries": print_evaluations,
    "instances": print_instances,
    "functions": print_functions,
}
_UNSEEN = {"queries": "classes", "instances": "classes", "functions": "functions"}
