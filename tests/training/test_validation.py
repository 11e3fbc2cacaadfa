from dataclasses import replace

import pytest
import torch
from torch import nn

from quickstudy.core import Experiment, Learner, Optimisation
from quickstudy.evaluation import evaluate, evaluate_functions, evaluate_instances
from quickstudy.learners import CNP, Nearest
from quickstudy.tasks import Episodes, GaussianProcesses, InstanceSequences, Layout, PointLayout, SequenceLayout
from quickstudy.training.validation import COLUMNS, INSTANCE_NAMES, validate


def _experiment(learner: Learner, tasks, **options) -> Experiment:
    def source(root):
        return tasks

    sources = {"train": source, "validation": source, "test": {}}
    schedule = Optimisation(steps=1, tasks_per_step=1)
    return Experiment(learner=learner, **sources, optimisation=schedule, validation_tasks=20, **options)


@pytest.fixture
def episodes(glyph_images) -> Episodes:
    return Episodes(glyph_images, Layout(ways=3, shots=1, queries=2))


@pytest.fixture
def curves() -> GaussianProcesses:
    return GaussianProcesses(PointLayout(4, 5))


def test_by_queries_the_score_is_the_accuracy_on_the_same_tasks_at_every_look(episodes) -> None:
    experiment = _experiment(Nearest(), episodes)
    first, again = (validate(experiment, experiment.learner, episodes) for _ in range(2))
    assert first == again
    assert first.score == first.figures["accuracy"]
    assert first.figures["interval95"] > 0
    assert f"{100 * first.score:.2f}" in first.text
    # Not those of an evaluation, whatever its seed is likely to be.
    assert first.score != evaluate(Nearest(), episodes, 20, seed=0).accuracy.mean
    assert validate(replace(experiment, validation_tasks=10), experiment.learner, episodes) != first


def test_by_instances_the_score_is_what_is_right_after_the_first(glyph_images) -> None:
    sequences = InstanceSequences(glyph_images, SequenceLayout(classes=5))
    learner = Nearest()
    seen = validate(_experiment(learner, sequences, validate_by="instances"), learner, sequences)
    assert set(INSTANCE_NAMES) <= set(seen.figures)
    assert seen.score == pytest.approx(sum(seen.figures[name] for name in INSTANCE_NAMES[1:]) / 9, abs=1e-6)
    assert seen.score != evaluate_instances(learner, sequences, 20, seed=0).after_first.mean


def test_by_functions_the_score_is_the_likelihood_beside_the_oracles(curves) -> None:
    torch.manual_seed(0)
    learner = CNP(hidden=8)
    seen = validate(_experiment(learner, curves, validate_by="functions"), learner, curves)
    assert seen.score == seen.figures["log_likelihood"] < seen.figures["oracle"]
    assert 0 <= seen.figures["coverage90"] <= 1
    assert "oracle" in seen.text
    assert seen.score != evaluate_functions(learner, curves, 20, seed=0).log_likelihood.mean


def test_every_figure_has_its_column(episodes, curves) -> None:
    always = {"accuracy", "interval95"}
    for kind, learner, tasks in (("queries", Nearest(), episodes), ("functions", CNP(hidden=8), curves)):
        figures = validate(_experiment(learner, tasks, validate_by=kind), learner, tasks).figures
        assert set(figures) <= always | set(COLUMNS[kind])


def test_a_look_leaves_the_learner_as_it_was(episodes) -> None:
    class Counts(Nearest):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(2)

    learner = Counts().train()
    validate(_experiment(learner, episodes), learner, episodes)
    assert learner.training
    assert learner.norm.training
