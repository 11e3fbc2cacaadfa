"""Small environments that many solutions act in at once: bandits and cart-pole.

Letters: B executions at once, A actions, O numbers of an observation.
"""

import math
from typing import Literal, Protocol

import torch
from torch import Tensor

from quickstudy.core import UserError

_GRAVITY = 9.8  # m/s²
_CART_MASS, _POLE_MASS = 1.0, 0.1  # kg
_HALF_POLE = 0.5  # m
_FORCE = 10.0  # N
_SECONDS = 0.02  # of a step
_FARTHEST, _STEEPEST = 2.4, math.radians(12)  # m and rad, beyond which an execution ends


class Environment(Protocol):
    """What `execute` needs: B copies of an environment that start together."""

    num_actions: int
    """A."""
    num_observed: int
    """O. It may be 0."""
    length: int
    """The most steps of an execution."""

    def start(self, executions: int, generator: torch.Generator) -> Tensor:
        """Begin so many executions, and return what each observes (B, O).

        Args:
            executions: B.
            generator: the source of random numbers.
        """

    def step(self, action_B: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Act. Returns observations (B, O), rewards (B,), and whether the execution is over (B,).

        Args:
            action_B: the action of each execution. It has no effect where the execution is over.
        """


class Bandit:
    """One arm of several pays 1, the others pay nothing.

    Args:
        arms: A.
        correct: which arm pays. "fixed": always the first. "redrawn": drawn for each execution. "swapping": the first
            in the first half of an execution, the last in the second half.
        length: steps of an execution.
        period: steps after which a redrawn arm is drawn anew. None for one arm in an execution.

    Raises:
        UserError: if there are fewer than two arms or no step.
    """

    num_observed = 0

    def __init__(
        self,
        arms: int = 2,
        correct: Literal["fixed", "redrawn", "swapping"] = "fixed",
        length: int = 20,
        period: int | None = None,
    ) -> None:
        if arms < 2 or length < 1 or (period is not None and period < 1):
            raise UserError(
                f"{arms} arms, {length} steps and a period of {period} were given, but at least two arms and one step "
                "are needed."
            )
        self.num_actions, self.correct, self.length, self.period = arms, correct, length, period

    def start(self, executions: int, generator: torch.Generator) -> Tensor:
        """Begin so many executions. A bandit shows nothing, (B, 0).

        Args:
            executions: B.
            generator: the source of random numbers.
        """
        self._time, self._generator = 0, generator
        self._arm_B = torch.zeros(executions, dtype=torch.long)
        if self.correct == "redrawn":
            self._redraw()
        return torch.empty(executions, 0)

    def step(self, action_B: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pull an arm of each bandit.

        Args:
            action_B: the arm of each execution.
        """
        if self.correct == "swapping" and self._time == self.length // 2:
            self._arm_B = torch.full_like(self._arm_B, self.num_actions - 1)
        if self.correct == "redrawn" and self.period and self._time and self._time % self.period == 0:
            self._redraw()
        self._time += 1
        is_over = torch.full(action_B.shape, self._time >= self.length)
        return torch.empty(len(action_B), 0), (action_B == self._arm_B).float(), is_over

    def _redraw(self) -> None:
        self._arm_B = torch.randint(self.num_actions, self._arm_B.shape, generator=self._generator)


class CartPole:
    """Gymnasium's `CartPole-v1`, computed for all executions at once: keep a pole upright, one point for each step.

    The equations and numbers are those of Barto, Sutton and Anderson, "Neuronlike adaptive elements that can solve
    difficult learning control problems" (1983), in single precision.

    Args:
        length: steps after which an execution ends in any case.

    Raises:
        UserError: if there is no step.
    """

    num_actions = 2
    num_observed = 4

    def __init__(self, length: int = 200) -> None:
        if length < 1:
            raise UserError(f"length = {length} was given, but at least one step is needed.")
        self.length = length

    def start(self, executions: int, generator: torch.Generator) -> Tensor:
        """Begin so many executions with all four numbers between −0.05 and 0.05.

        Args:
            executions: B.
            generator: the source of random numbers.
        """
        return self.start_from(0.1 * torch.rand(executions, 4, generator=generator) - 0.05)

    def start_from(self, seen_BO: Tensor) -> Tensor:
        """Begin executions at given places.

        Args:
            seen_BO: place (m) and speed (m/s) of the cart, angle (rad) and speed (rad/s) of the pole.
        """
        self._seen_BO, self._time = seen_BO.clone(), 0
        self._is_over_B = torch.zeros(len(seen_BO), dtype=torch.bool)
        return seen_BO.clone()

    def step(self, action_B: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Push the cart of each execution.

        Args:
            action_B: 0 to the left, 1 to the right.
        """
        reward_B = (~self._is_over_B).float()
        self._seen_BO = torch.where(self._is_over_B[:, None], self._seen_BO, _pushed(self._seen_BO, action_B))
        place_B, _, angle_B, _ = self._seen_BO.unbind(dim=1)
        self._is_over_B |= (place_B.abs() > _FARTHEST) | (angle_B.abs() > _STEEPEST)
        self._time += 1
        if self._time >= self.length:
            self._is_over_B.fill_(True)
        return self._seen_BO.clone(), reward_B, self._is_over_B.clone()


def _pushed(seen_BO: Tensor, action_B: Tensor) -> Tensor:
    """Where carts and poles are one Euler step later."""
    _, speed_B, angle_B, turning_B = seen_BO.unbind(dim=1)
    force_B = _FORCE * (2 * action_B - 1)
    sine_B, cosine_B = angle_B.sin(), angle_B.cos()
    # Both accelerations contain the force and the centrifugal force of the pole.
    common_B = (force_B + _POLE_MASS * _HALF_POLE * turning_B**2 * sine_B) / (_CART_MASS + _POLE_MASS)
    inertia_B = _HALF_POLE * (4 / 3 - _POLE_MASS * cosine_B**2 / (_CART_MASS + _POLE_MASS))
    turn_B = (_GRAVITY * sine_B - cosine_B * common_B) / inertia_B
    push_B = common_B - _POLE_MASS * _HALF_POLE * turn_B * cosine_B / (_CART_MASS + _POLE_MASS)
    change_BO = torch.stack([speed_B, push_B, turning_B, turn_B], dim=1)
    return seen_BO + _SECONDS * change_BO
