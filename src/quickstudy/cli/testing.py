"""The end of a training: the best weights on tasks they have never seen, as figures and as pictures."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.console import Console

from quickstudy.cli.display import EvaluationBar
from quickstudy.cli.functions import FunctionOptions, by_support, evaluated, pictures, settings
from quickstudy.cli.options import print_evaluations, print_functions, print_instances, print_json
from quickstudy.cli.report import evaluation_record, functions_records, instances_record, json_text
from quickstudy.core import Experiment, Learner, UserError, unchecked_distributions
from quickstudy.evaluation import Evaluation, InstanceTable, evaluate, evaluate_instances, provenance
from quickstudy.evaluation.pictures import save_episode
from quickstudy.evaluation.plots import save_instances
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
        """Evaluate, leave evaluation.json in the folder, print, and draw."""
        learner, kind = load(self.folder), self.experiment.validate_by
        found = {"queries": self._by_query, "instances": self._by_instance, "functions": self._by_value}[kind](learner)
        # Before drawing: want of a library to draw with must not cost the figures.
        record = self._left(found, None)
        if not as_json:
            _PRINTERS[kind](f"{self.recipe} on {_UNSEEN[kind]} it has never seen", found.rows)
        drawn = _drawn(found.pictures)
        if drawn:
            record = self._left(found, drawn[0])
        if as_json:
            print_json(record)
            return
        lines = [f"weights  {self.folder}", *(f"picture  {picture}" for picture in drawn)]
        Console().print("\n".join(lines), soft_wrap=True, highlight=False)

    def _left(self, found: "_Found", picture: Path | None) -> dict[str, Any]:
        """The record, as it is in evaluation.json now."""
        record: dict[str, Any] = {"recipe": self.recipe, "folder": str(self.folder)}
        record |= {"picture": None if picture is None else str(picture), **found.records, **provenance()}
        (self.folder / "evaluation.json").write_text(json_text(record) + "\n")
        return record

    def _by_query(self, learner: Learner) -> "_Found":
        rows: dict[str, Evaluation] = {}
        for title, source in self.experiment.test.items():
            with EvaluationBar(title, self.num_tasks) as bar:
                rows[title] = evaluate(learner, source(self.data_root), self.num_tasks, self.seed, bar.show)
        records = [
            {"setting": title, **evaluation_record(row, learner, self.recipe, self.seed)} for title, row in rows.items()
        ]
        picture = self.folder / "episode.png"
        return _Found(rows, {"test": records}, {picture: lambda: self._draw_episode(picture, learner)})

    def _by_instance(self, learner: Learner) -> "_Found":
        rows: dict[str, InstanceTable] = {}
        records = []
        for title, source in self.experiment.test.items():
            tasks: Any = source(self.data_root)
            with EvaluationBar(title, self.num_tasks) as bar:
                rows[title] = evaluate_instances(learner, tasks, self.num_tasks, seed=self.seed, progress=bar.show)
            record = instances_record(rows[title], learner, self.recipe, self.seed, tasks.layout)
            records.append({"setting": title, **record})
        picture, metrics = self.folder / "instances.png", self.folder / METRICS
        draw = partial(save_instances, picture, metrics, self.experiment.optimisation.tasks_per_step)
        return _Found(rows, {"test": records}, {picture: draw})

    def _by_value(self, learner: Learner) -> "_Found":
        rows = settings(self.experiment, FunctionOptions(), self.data_root)
        sizes = by_support(self.experiment, self.data_root)
        found = evaluated(learner, [*rows, *sizes], self.num_tasks, self.seed)
        records = functions_records(found, learner, self.recipe, self.seed)
        shown, by_size = found[: len(rows)], found[len(rows) :]
        return _Found(
            {each.setting.title: each.evaluation for each in shown},
            {"test": records[: len(rows)], "by_support": records[len(rows) :]},
            pictures(self.folder, learner, shown, by_size, self.seed),
        )

    def _draw_episode(self, picture: Path, learner: Learner) -> None:
        tasks = next(iter(self.experiment.test.values()))(self.data_root)
        episode = tasks.sample(1, torch.Generator(tasks.device).manual_seed(self.seed))
        with torch.no_grad(), unchecked_distributions():
            answers = learner.predict(learner.adapt(episode.support_x, episode.support_y), episode.query_x)
        save_episode(picture, episode, answers)


class _Found(NamedTuple):
    """What a test found."""

    rows: Any
    """Of the table, by title."""
    records: dict[str, Any]
    pictures: Mapping[Path, Callable[[], None]]
    """What draws each file."""


def _drawn(pictures: Mapping[Path, Callable[[], None]]) -> list[Path]:
    """Draw, and return what could be drawn; the first thing that stands against it is told."""
    drawn: list[Path] = []
    problems: list[str] = []
    for path, draw in pictures.items():
        try:
            draw()
            drawn.append(path)
        except UserError as error:
            problems.append(f"no picture {path.name}: {error}")
    if problems:
        print(problems[0], file=sys.stderr)
    return drawn


_PRINTERS: dict[str, Any] = {
    "queries": print_evaluations,
    "instances": print_instances,
    "functions": print_functions,
}
_UNSEEN = {"queries": "classes", "instances": "classes", "functions": "functions"}
