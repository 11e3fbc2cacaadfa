import pytest
import torch
from torch import nn
from torch.optim import SGD, AdamW, RMSprop

from quickstudy.core import Experiment, Optimisation, UserError
from quickstudy.learners import ProtoNet
from quickstudy.networks import Conv4
from quickstudy.training.schedule import begin_frozen, freeze, frozen_encoder_once, learning_rate, make_optimiser


def test_the_learning_rate_rises_over_the_warm_up_and_falls_to_zero() -> None:
    chosen = Optimisation(steps=100, tasks_per_step=1, learning_rate=2.0, warmup_steps=10)
    assert learning_rate(chosen, 0, 0.0) == pytest.approx(0.2)
    assert learning_rate(chosen, 10, 0.0) == pytest.approx(2.0)
    assert learning_rate(chosen, 50, 0.5) == pytest.approx(1.0)
    assert learning_rate(chosen, 100, 1.0) == pytest.approx(0.0)


@pytest.mark.parametrize(("name", "kind"), [("adam", AdamW), ("rmsprop", RMSprop), ("sgd", SGD)])
def test_the_optimiser_has_its_rate_and_its_decay(name, kind) -> None:
    chosen = Optimisation(steps=1, tasks_per_step=1, optimiser=name, learning_rate=0.3, weight_decay=0.02)
    found = make_optimiser(nn.Linear(2, 2), chosen)
    assert type(found) is kind
    assert (found.param_groups[0]["lr"], found.param_groups[0]["weight_decay"]) == (0.3, 0.02)
    assert len(found.param_groups[0]["params"]) == 2


def test_a_frozen_part_keeps_weights_and_statistics_until_it_is_trained() -> None:
    learner = ProtoNet(Conv4(channels=4)).train()
    statistics = [module for module in learner.modules() if isinstance(module, nn.BatchNorm2d)]
    freeze(learner, ("encoder",), True)
    assert not any(module.training for module in statistics)
    assert not any(weight.requires_grad for weight in learner.encoder.parameters())
    freeze(learner, ("encoder",), False)
    assert all(module.training for module in statistics)
    assert all(weight.requires_grad for weight in learner.encoder.parameters())


def test_a_frozen_part_still_knows_that_it_is_in_training() -> None:
    part = nn.Sequential(nn.Linear(1, 1), nn.Dropout(), nn.BatchNorm1d(1))
    learner = nn.ModuleDict({"part": part}).train()
    freeze(learner, ("part",), True)
    assert [module.training for module in (part, *part)] == [True, True, True, False]


def test_parts_that_are_not_named_are_left_alone() -> None:
    both = nn.ModuleDict({"one": nn.Linear(1, 1), "other": nn.Linear(1, 1)})
    freeze(both, ("one",), True)
    assert [weight.requires_grad for weight in both.parameters()] == [False, False, True, True]


def frozen_experiment(**settings) -> Experiment:
    return Experiment(
        learner=ProtoNet(Conv4(channels=4)),
        train=lambda root: torch.empty(0),
        validation=lambda root: torch.empty(0),
        test={},
        optimisation=Optimisation(steps=1, tasks_per_step=1),
        frozen=("encoder",),
        **settings,
    )


@pytest.mark.parametrize(("share", "processes", "is_refused"), [(0.5, 2, True), (0.5, 1, False), (1.0, 2, False)])
def test_processes_that_share_gradients_freeze_for_all_of_the_training(share, processes, is_refused) -> None:
    experiment = frozen_experiment(frozen_share=share)
    if is_refused:
        with pytest.raises(UserError, match=r"frozen for a share of 0\.5 of the training.*one process only"):
            begin_frozen(experiment, experiment.learner, processes)
    else:
        begin_frozen(experiment, experiment.learner, processes)
        assert not any(weight.requires_grad for weight in experiment.learner.parameters())


@pytest.mark.parametrize(
    ("share", "come_again", "is_kept"), [(1.0, True, True), (0.5, True, False), (1.0, False, False)]
)
def test_an_encoder_frozen_to_the_end_reads_each_input_once_if_inputs_come_again(share, come_again, is_kept) -> None:
    experiment = frozen_experiment(frozen_share=share, inputs_come_again=come_again)
    learner = experiment.learner.train()
    begin_frozen(experiment, learner, 1)
    images, seen = torch.rand(1, 4, 1, 28, 28), []
    learner.encoder.blocks[0].register_forward_hook(lambda block, inputs, result: seen.append(len(inputs[0])))
    with frozen_encoder_once(experiment, learner):
        for _ in range(3):
            learner.encoder(images)
    assert len(seen) == (1 if is_kept else 3)
