"""Experience: what a learner saw, did and got. It is the support of a task in which a learner acts."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from quickstudy.core.errors import UserError


class Experience(NamedTuple):
    """Steps of T trials, one after another. A trial is one task; it may have several episodes."""

    observation: Tensor
    """(T, L, *observation): what was seen before the action."""
    action: Tensor
    """(T, L) indices from 0, or (T, L, A) numbers where actions are values: what was done."""
    reward: Tensor
    """(T, L): what the action gave."""
    ended: Tensor
    """(T, L) booleans: an episode ended with this step. The trial goes on with the next episode."""

    def upto(self, length: int) -> "Experience":
        """The first steps of each trial.

        Args:
            length: how many steps.
        """
        return Experience(*(field[:, :length] for field in self))

    def then(self, more: "Experience") -> "Experience":
        """The same trials with further steps behind them.

        Args:
            more: the further steps.
        """
        return Experience(*(torch.cat(both, dim=1) for both in zip(self, more, strict=True)))

    @property
    def episode(self) -> Tensor:
        """(T, L): the number of the episode of each step, from 0."""
        ended_TL = self.ended.long()
        return ended_TL.cumsum(dim=1) - ended_TL


def read_experience(
    experience: Any, observation_shape: tuple[int, ...], num_actions: int, *, actions_are_values: bool = False
) -> Experience:
    """Check experience before a learner reads it.

    Args:
        experience: an `Experience`.
        observation_shape: shape of one observation.
        num_actions: how many actions there are, or how many numbers an action has.
        actions_are_values: whether an action is numbers. Else it is an index.

    Raises:
        UserError: if the learner cannot read it, or would misread it.
    """
    if not isinstance(experience, Experience):
        raise UserError(f"{type(experience).__name__} was given, but an Experience was expected.")
    observation, action, reward, ended = experience
    check_observation(observation, observation_shape)
    expected = tuple(observation.shape[:2])
    of_actions = (*expected, num_actions) if actions_are_values else expected
    for name, field, shape in (
        ("action", action, of_actions),
        ("reward", reward, expected),
        ("ended", ended, expected),
    ):
        if tuple(field.shape) != shape:
            raise UserError(
                f"{name} has the shape {tuple(field.shape)}, but the observations are of {expected[0]} trials and "
                f"{expected[1]} steps. Give it the shape {shape}."
            )
    if actions_are_values:
        _refuse_other_than_finite("action", action)
    else:
        _refuse_other_than_indices(action, num_actions)
    _refuse_other_than_finite("reward", reward)
    return experience


def _refuse_other_than_finite(name: str, numbers: Tensor) -> None:
    if not numbers.isfinite().all():
        raise UserError(f"{name} holds numbers that are NaN or infinite. Give finite numbers.")


def _refuse_other_than_indices(action: Tensor, num_actions: int) -> None:
    if action.is_floating_point() or action.dtype == torch.bool:
        raise UserError(f"action holds {action.dtype}, but indices of actions were expected: whole numbers from 0.")
    if action.numel() and not 0 <= int(action.min()) <= int(action.max()) < num_actions:
        raise UserError(
            f"action holds {int(action.min())} to {int(action.max())}, but there are {num_actions} actions, from 0."
        )


def check_observation(observation: Tensor, observation_shape: tuple[int, ...]) -> None:
    """Check observations (T, Q, *observation).

    Args:
        observation: what is seen.
        observation_shape: shape of one observation.

    Raises:
        UserError: if they have another shape, or numbers that are not finite.
    """
    if observation.ndim < 2 or tuple(observation.shape[2:]) != observation_shape:
        raise UserError(
            f"Observations of shape {tuple(observation.shape)} were given, but the shape (tasks, steps, "
            f"{', '.join(map(str, observation_shape))}) was expected."
        )
    if not observation.isfinite().all():
        raise UserError("Observations hold numbers that are NaN or infinite. Give finite numbers.")
