"""A population's losses are those of its members one by one, and processes change nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from quickstudy.core import Learner, Tasks, UserError, categorical
from quickstudy.training import NonFiniteLossError
from quickstudy.training.evolution import (
    SNES,
    Evolution,
    OpenAIES,
    evolve,
    population_losses,
    set_weights,
    trained_shapes,
    trained_weights,
)


class _Points:
    """Tasks of one support point and four queries, labelled by the sign of a sum."""

    device = torch.device("cpu")

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        x = torch.randn(num_tasks, 5, 3, generator=generator)
        y = (x.sum(dim=-1) > 0).long()
        return Tasks(x[:, :1], y[:, :1], x[:, 1:], y[:, 1:])


class _Plain(Learner):
    """A linear layer that reads no support."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.fixed = nn.Parameter(torch.ones(2), requires_grad=False)

    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> Tensor:
        return support_x[:, :1]

    def predict(self, state: Tensor, query_x: Tensor):
        return categorical(self.layer(query_x))


class _Linear(_Plain):
    """Its unchecked loss has random numbers of its own."""

    def unchecked_loss(self, tasks: Tasks) -> Tensor:
        jitter = torch.randn(()) * 0.1
        logits = self.layer(tasks.query_x) + jitter * torch.tensor([0.0, 1.0])
        return nn.functional.cross_entropy(logits.flatten(0, 1), tasks.query_y.flatten())


def evolved(learner: Learner, steps: int = 40, **options) -> tuple[Tensor, list[float]]:
    strategy = OpenAIES(trained_weights(learner), 16, deviation=0.1, learning_rate=0.1)
    losses = evolve(learner, _Points(), strategy, Evolution(steps=steps, tasks_per_member=4, **options))
    return trained_weights(learner), losses


def test_only_weights_with_gradients_are_evolved() -> None:
    learner = _Linear()
    assert trained_shapes(learner) == {"layer.weight": (2, 3), "layer.bias": (2,)}
    assert len(trained_weights(learner)) == 8


def test_the_weights_of_a_vector_can_be_set() -> None:
    learner = _Linear()
    set_weights(learner, torch.arange(8.0))
    assert torch.equal(trained_weights(learner), torch.arange(8.0))
    assert (learner.fixed == 1).all()


def test_a_populations_losses_are_those_of_its_members(generator: torch.Generator) -> None:
    learner, tasks = _Linear(), _Points().sample(4, generator)
    members = torch.randn(3, 8, generator=generator)
    found = population_losses(learner, members, tasks, own_tasks=False)
    for member, loss in zip(members, found, strict=True):
        set_weights(learner, member)
        assert torch.allclose(learner(tasks), loss)


def test_members_can_have_tasks_of_their_own(generator: torch.Generator) -> None:
    learner, members = _Linear(), torch.randn(3, 8, generator=generator)
    tasks = Tasks(*(field.unflatten(0, (3, 2)) for field in _Points().sample(6, generator)))
    torch.manual_seed(5)
    found = population_losses(learner, members, tasks, own_tasks=True)
    for index, member in enumerate(members):
        set_weights(learner, member)
        torch.manual_seed(5)
        assert torch.allclose(learner.unchecked_loss(Tasks(*(field[index] for field in tasks))), found[index])


def test_a_learner_without_an_unchecked_loss_cannot_have_tasks_of_its_own_for_each_member() -> None:
    with pytest.raises(UserError, match="has no `unchecked_loss`"):
        evolved(_Plain())


def test_evolution_learns_and_leaves_the_mean_in_the_learner() -> None:
    learner = _Linear()
    weights, losses = evolved(learner)
    assert losses[-1] < 0.6 * losses[0]
    assert weights[:3].sum() < 0 < weights[3:6].sum()


def test_strategies_whose_members_share_their_tasks_learn_too() -> None:
    learner = _Linear()
    strategy = SNES(trained_weights(learner), 16, deviation=0.5)
    losses = evolve(learner, _Points(), strategy, Evolution(steps=40, tasks_per_member=4))
    assert losses[-1] < 0.6 * losses[0]


def test_a_seed_decides_the_result() -> None:
    learners = [_Linear() for _ in range(3)]
    for learner in learners:
        set_weights(learner, torch.zeros(8))
    one, again, other = (evolved(learner, 3, seed=seed)[0] for learner, seed in zip(learners, (1, 1, 2), strict=True))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_evolution_leaves_the_random_state_alone() -> None:
    learner = _Linear()
    before = torch.get_rng_state()
    evolved(learner, 1)
    assert torch.equal(before, torch.get_rng_state())


def test_losses_that_are_no_numbers_end_it() -> None:
    learner = _Linear()
    set_weights(learner, torch.full((8,), torch.nan))
    with pytest.raises(NonFiniteLossError, match="No loss of population 1"):
        evolved(learner)


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(UserError, match="steps = 0 was given"):
        Evolution(steps=0)
    with pytest.raises(UserError, match="members_at_once = 5 was given, but 2 members"):
        evolved(_Linear(), members_at_once=5)


PROGRAM = """
import importlib.util, sys, torch
from lightning_fabric import Fabric
spec = importlib.util.spec_from_file_location("pieces", sys.argv[1])
pieces = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pieces)
torch.set_num_threads(1)
fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
fabric.launch()
found = pieces.evolved_together(fabric)
if fabric.is_global_zero:
    torch.save(found, sys.argv[2])
"""


def evolved_together(fabric: Fabric | None) -> tuple[Tensor, list[float]]:
    """Three parts of eight members, shared by the processes if there are any."""
    learner = _Linear()
    set_weights(learner, torch.zeros(8))
    strategy = OpenAIES(trained_weights(learner), 24, deviation=0.1, learning_rate=0.1)
    evolution = Evolution(steps=3, tasks_per_member=2, members_at_once=8)
    losses = evolve(learner, _Points(), strategy, evolution, fabric)
    return trained_weights(learner), losses


def test_two_processes_give_the_result_of_one(tmp_path: Path) -> None:
    program, out = tmp_path / "program.py", tmp_path / "found.pt"
    program.write_text(PROGRAM)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, str(program), __file__, str(out)], check=True, env=environment, capture_output=True)
    weights, losses = torch.load(out)
    expected, alone = evolved_together(None)
    assert torch.equal(weights, expected)
    assert losses == alone


class _Weighing(_Plain):
    """Its loss is a number of its tasks, whatever its weights are."""

    def unchecked_loss(self, tasks: Tasks) -> Tensor:
        return tasks.query_x.sum() + 0 * self.layer.bias.sum()


def test_the_members_of_a_pair_have_the_same_tasks_and_pairs_have_their_own() -> None:
    seen = []

    class Noting(OpenAIES):
        def tell(self, members_PD: Tensor, losses_P: Tensor) -> None:
            seen.append(losses_P)

    learner = _Weighing()
    evolve(learner, _Points(), Noting(trained_weights(learner), 8), Evolution(steps=2, members_at_once=4))
    for losses in seen:
        assert torch.equal(losses[0::2], losses[1::2])
        assert len(losses.unique()) == 4
    assert not torch.equal(*seen)
