"""The training loop with a learner that practises in an environment."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric

from quickstudy.core import Experiment, Header, Optimisation, PolicyOptimisation, load_trained
from quickstudy.learners import RL2, DecisionTransformer
from quickstudy.tasks import Bandits, ShownTrials
from quickstudy.training import Run, train
from quickstudy.training.validation import validate


def _experiment(steps: int = 4, *, clip: float | None = 1.0, practises: bool = True) -> Experiment:
    torch.manual_seed(0)
    trials = ShownTrials(Bandits(2, 3))
    return Experiment(
        learner=RL2(2, (1,), units=4),
        train=lambda _: trials,
        validation=lambda _: trials,
        test={"3 pulls": lambda _: trials},
        optimisation=Optimisation(steps=steps, tasks_per_step=8, learning_rate=1e-2, gradient_clip=clip),
        practice=PolicyOptimisation(epochs=2) if practises else None,
        validate_every=2,
        validation_tasks=50,
        validate_by="trials",
    )


def _train(folder: Path, experiment: Experiment, *, resume: bool = False):
    folder.mkdir(exist_ok=True)
    fabric = Fabric(accelerator="cpu", devices=1)
    return train(experiment, Run(folder=folder, header=Header(recipe="none"), resume=resume), fabric)


def test_a_step_is_a_batch_of_trials_and_the_reward_is_noted(tmp_path: Path) -> None:
    position = _train(tmp_path, _experiment())
    assert position.step == 4
    with (tmp_path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["reward"]) > 0 for row in rows if row["reward"]] == [True, True]
    assert position.best_score == max(float(row["reward"]) for row in rows if row["reward"])


def test_a_training_that_was_stopped_goes_on_exactly(tmp_path: Path) -> None:
    _train(tmp_path / "whole", _experiment())
    stopped = _experiment()
    step = stopped.learner.meta_loss
    calls = []

    def stopping(tasks):
        calls.append(tasks)
        if len(calls) == 6:  # In the third step.
            raise KeyboardInterrupt
        return step(tasks)

    stopped.learner.meta_loss = stopping  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        _train(tmp_path / "parts", stopped)
    _train(tmp_path / "parts", _experiment(), resume=True)
    whole, parts = (load_trained(tmp_path / name / "last.safetensors")[0] for name in ("whole", "parts"))
    names = [name for name in whole if name.startswith("learner.")]
    assert names
    assert all(torch.equal(whole[name], parts[name]) for name in names)


def test_a_learner_imitates_where_it_does_not_practise(tmp_path: Path) -> None:
    experiment = _experiment(practises=False)
    before = {name: value.clone() for name, value in experiment.learner.state_dict().items()}
    _train(tmp_path, experiment)
    changed = {name for name, value in experiment.learner.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all(name.startswith("policy.") for name in changed)


def test_a_transformer_without_a_value_network_is_trained(tmp_path: Path) -> None:
    learner = DecisionTransformer(2, (1,), channels=4, num_layers=1)
    position = _train(tmp_path, replace(_experiment(practises=False), learner=learner))
    assert position.step == 4


def test_policy_and_value_network_are_clipped_each_by_itself(tmp_path: Path, monkeypatch) -> None:
    clipped: list[list[int]] = []

    def note(self, module, optimiser, max_norm: float) -> None:
        clipped.append([id(each) for each in module.parameters()])

    monkeypatch.setattr(Fabric, "clip_gradients", note)
    experiment = _experiment(1)
    _train(tmp_path, experiment)
    policy, value = (
        [id(each) for each in experiment.learner.get_submodule(name).parameters()] for name in ("policy", "value")
    )
    assert clipped == [policy, value] * 2  # Two epochs.


def test_validation_is_the_reward_of_trials() -> None:
    experiment = _experiment()
    found = validate(experiment, experiment.learner.eval(), experiment.validation(None))
    assert found.score == found.figures["reward"] == pytest.approx(1.5, abs=0.5)
    assert "reward" in found.text


def test_a_learner_is_shown_what_to_do_in_its_own_trials(tmp_path: Path, monkeypatch) -> None:
    actors = []
    acted_by = ShownTrials.acted_by
    monkeypatch.setattr(ShownTrials, "acted_by", lambda self, agent: actors.append(agent) or acted_by(self, agent))
    experiment = replace(_experiment(practises=False), in_own_trials=True)
    position = _train(tmp_path, experiment)
    assert position.step == 4
    assert actors == [experiment.learner] * 4
