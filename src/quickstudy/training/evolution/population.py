"""The loss of every member of a population at once, on one process or many, and the loop of evolution.

Letters: P members, D numbers of all weights, G groups of members that share their tasks.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.func import functional_call, vmap

from quickstudy.core import Learner, TaskDistribution, Tasks, UserError, unchecked_distributions
from quickstudy.training.evolution.perturbations import Shapes, flat, unflattened
from quickstudy.training.evolution.strategies import Strategy
from quickstudy.training.loop import NonFiniteLossError
from quickstudy.training.process_steps import step_generator


@runtime_checkable
class HasUncheckedLoss(Protocol):
    """A learner whose loss can be computed for many members that have tasks of their own.

    Checks of labels read numbers, which `vmap` does not allow.
    """

    def unchecked_loss(self, tasks: Tasks) -> Tensor:
        """The meta-loss without checks of the tasks.

        Args:
            tasks: tasks of one member.
        """


@dataclass(frozen=True, kw_only=True)
class Evolution:
    """How long to evolve, and on what.

    Raises:
        UserError: if no evolution is possible with a setting.
    """

    steps: int
    """Populations."""
    tasks_per_member: int = 1
    """Tasks on which the loss of a member is measured."""
    members_at_once: int = 32
    """Members whose losses are computed together. Processes take such parts in turn, so the number of processes does
    not change a result."""
    seed: int = 0
    """Decides the noise and the tasks."""

    def __post_init__(self) -> None:
        """Refuse settings with which no evolution is possible."""
        for name in ("steps", "tasks_per_member", "members_at_once"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} = {getattr(self, name)} was given, but a whole number from 1 was expected.")


class _Unchecked(nn.Module):
    """Calls the unchecked loss, because `functional_call` calls `forward` alone."""

    def __init__(self, learner: Any) -> None:
        super().__init__()
        self.learner = learner

    def forward(self, tasks: Tasks) -> Tensor:
        return self.learner.unchecked_loss(tasks)


def trained_shapes(learner: nn.Module) -> Shapes:
    """Names and shapes of the weights that evolution changes: those that require gradients.

    Args:
        learner: has the weights.
    """
    return {name: tuple(each.shape) for name, each in learner.named_parameters() if each.requires_grad}


def trained_weights(learner: nn.Module) -> Tensor:
    """The same weights as one vector (D,), where a strategy starts.

    Args:
        learner: has the weights.
    """
    return flat({name: learner.get_parameter(name) for name in trained_shapes(learner)})


def set_weights(learner: nn.Module, weights_D: Tensor) -> None:
    """Give a learner the weights of a vector.

    Args:
        learner: has the weights.
        weights_D: as `trained_weights` returns them.
    """
    with torch.no_grad():
        for name, value in unflattened(weights_D[None], trained_shapes(learner)).items():
            learner.get_parameter(name).copy_(value[0])


def population_losses(learner: Learner, members_PD: Tensor, tasks: Tasks, *, own_tasks: bool) -> Tensor:
    """The meta-loss of each member, (P,).

    Args:
        learner: whose weights the members are. Its random numbers are the same for all members.
        members_PD: all weights of each member as one vector.
        tasks: fields (T, …) if all members have these tasks, or (P, T, …).
        own_tasks: whether the members have tasks of their own.

    Raises:
        UserError: if the learner has no `unchecked_loss`, which own tasks need.
    """
    if own_tasks and not isinstance(learner, HasUncheckedLoss):
        raise UserError(
            f"{type(learner).__name__} has no `unchecked_loss`, so its members cannot have tasks of their own. Take "
            "SNES or CMA-ES, whose members share them."
        )
    module, prefix = (_Unchecked(learner), "learner.") if own_tasks else (learner, "")
    weights = {prefix + name: each for name, each in unflattened(members_PD, trained_shapes(learner)).items()}

    def loss(member: dict[str, Tensor], own: Tasks) -> Tensor:
        return functional_call(module, member, (own,))

    with torch.no_grad(), unchecked_distributions():
        return vmap(loss, in_dims=(0, 0 if own_tasks else None), randomness="same")(weights, tasks)


def evolve(
    learner: Learner,
    tasks: TaskDistribution,
    strategy: Strategy,
    evolution: Evolution,
    fabric: Fabric | None = None,
    show: Callable[[int, float], None] = lambda step, loss: None,
) -> list[float]:
    """Evolve a learner's weights in place, and return the mean loss of each population.

    All processes draw the same members, and each computes the losses of its share. The same seed gives the same result
    on any number of processes.

    Args:
        learner: gets the strategy's mean at the end.
        tasks: draws the tasks.
        strategy: starts at the learner's weights.
        evolution: how long, and on how many tasks.
        fabric: must be launched already. None for one process.
        show: called with the step and the mean loss after each population.

    Raises:
        NonFiniteLossError: if all losses of a population are no numbers, or the mean is none afterwards.
        UserError: if members that share their tasks do not fit into a part.
    """
    sharing = strategy.num_sharing
    if sharing is not None and evolution.members_at_once % sharing:
        raise UserError(
            f"members_at_once = {evolution.members_at_once} was given, but {sharing} members in a row share their "
            f"tasks. Give a multiple of {sharing}."
        )
    learner.train()
    history = []
    for step in range(evolution.steps):
        members_PD = strategy.ask(step_generator(tasks, evolution.seed, 2**31 - 1, step))
        losses_P = _shared_losses(learner, tasks, members_PD, sharing, evolution, step, fabric)
        if not losses_P.isfinite().any():
            raise NonFiniteLossError(f"No loss of population {step + 1} is a number. Give a lower deviation.")
        strategy.tell(members_PD, losses_P)
        if not strategy.mean.isfinite().all():
            raise NonFiniteLossError(f"The weights are no numbers after population {step + 1}. Shape losses by ranks.")
        history.append(float(losses_P[losses_P.isfinite()].mean()))
        show(step + 1, history[-1])
    set_weights(learner, strategy.mean)
    return history


def _shared_losses(
    learner: Learner,
    tasks: TaskDistribution,
    members_PD: Tensor,
    sharing: int | None,
    evolution: Evolution,
    step: int,
    fabric: Fabric | None,
) -> Tensor:
    rank, size = (0, 1) if fabric is None else (fabric.global_rank, fabric.world_size)
    found_P = members_PD.new_zeros(len(members_PD))
    for part, start in enumerate(range(0, len(members_PD), evolution.members_at_once)):
        if part % size != rank:
            continue
        members = members_PD[start : start + evolution.members_at_once]
        drawn = 0 if sharing is None else part
        with _seeded(evolution.seed, drawn, step):
            own = _tasks_of(tasks, members, sharing, evolution, step_generator(tasks, evolution.seed, drawn, step))
            losses = population_losses(learner, members, own, own_tasks=sharing is not None)
        found_P[start : start + len(members)] = losses.nan_to_num(nan=torch.inf, posinf=torch.inf)
    if fabric is None or size == 1:
        return found_P
    shared: Any = fabric.all_reduce(found_P, reduce_op="sum")
    return shared


def _tasks_of(
    tasks: TaskDistribution, members: Tensor, sharing: int | None, evolution: Evolution, generator: torch.Generator
) -> Tasks:
    if sharing is None:
        return tasks.sample(evolution.tasks_per_member, generator)
    groups = -(-len(members) // sharing)
    drawn = tasks.sample(groups * evolution.tasks_per_member, generator)
    fields = (field.unflatten(0, (groups, -1)).repeat_interleave(sharing, dim=0) for field in drawn)
    return Tasks(*(field[: len(members)] for field in fields))


@contextmanager
def _seeded(seed: int, part: int, step: int) -> Iterator[None]:
    """Make a learner's own random numbers depend on nothing else, so that any process draws the same."""
    with torch.random.fork_rng():
        torch.manual_seed(hash((seed, part, step)) % 2**63)
        yield
