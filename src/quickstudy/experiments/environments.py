"""Small environments that many solutions act in at once: bandits and cart-pole.

Letters: B executions at once, A actions, O numbers of an observation.
"""

from collections.abc import Callable
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from quickstudy.core import UserError


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

    Raises:
        UserError: if there are fewer than two arms or no step.
    """

    num_observed = 0

    def __init__(
        self, arms: int = 2, correct: Literal["fixed", "redrawn", "swapping"] = "fixed", length: int = 20
    ) -> None:
        if arms < 2 or length < 1:
            raise UserError(
                f"{arms} arms and {length} steps were given, but at least two arms and one step are needed."
            )
        self.num_actions, self.correct, self.length = arms, correct, length

    def start(self, executions: int, generator: torch.Generator) -> Tensor:
        """Begin so many executions. A bandit shows nothing, (B, 0).

        Args:
            executions: B.
            generator: the source of random numbers.
        """
        self._time = 0
        self._arm_B = torch.zeros(executions, dtype=torch.long)
        if self.correct == "redrawn":
            self._arm_B = torch.randint(self.num_actions, (executions,), generator=generator)
        return torch.empty(executions, 0)

    def step(self, action_B: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pull an arm of each bandit.

        Args:
            action_B: the arm of each execution.
        """
        if self.correct == "swapping" and self._time == self.length // 2:
            self._arm_B = torch.full_like(self._arm_B, self.num_actions - 1)
        self._time += 1
        is_over = torch.full(action_B.shape, self._time >= self.length)
        return torch.empty(len(action_B), 0), (action_B == self._arm_B).float(), is_over


class CartPole:
    """Gymnasium's cart-pole: keep a pole upright, with one point for each step.

    Args:
        length: steps after which an execution ends in any case.
        make: makes one environment. None for `CartPole-v1` of Gymnasium.

    Raises:
        UserError: if Gymnasium is not installed.
    """

    num_actions = 2
    num_observed = 4

    def __init__(self, length: int = 200, make: Callable[[], Any] | None = None) -> None:
        self.length = length
        self._make = make or _cart_pole
        self._copies: list[Any] = []

    def start(self, executions: int, generator: torch.Generator) -> Tensor:
        """Begin so many executions.

        Args:
            executions: B.
            generator: the source of random numbers.
        """
        while len(self._copies) < executions:
            self._copies.append(self._make())
        seeds = torch.randint(2**31, (executions,), generator=generator).tolist()
        self._seen_BO = torch.stack(
            [torch.as_tensor(copy.reset(seed=seed)[0]) for copy, seed in zip(self._copies, seeds, strict=False)]
        ).float()
        self._is_over_B = torch.zeros(executions, dtype=torch.bool)
        self._time = 0
        return self._seen_BO.clone()

    def step(self, action_B: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Push the cart of each execution.

        Args:
            action_B: 0 to the left, 1 to the right.
        """
        reward_B = torch.zeros(len(action_B))
        for place in (~self._is_over_B).nonzero().flatten().tolist():
            seen, reward, ended, *_ = self._copies[place].step(int(action_B[place]))
            self._seen_BO[place], reward_B[place] = torch.as_tensor(seen), float(reward)
            self._is_over_B[place] = bool(ended)
        self._time += 1
        if self._time >= self.length:
            self._is_over_B.fill_(True)
        return self._seen_BO.clone(), reward_B, self._is_over_B.clone()


def _cart_pole() -> Any:
    try:
        import gymnasium
    except ImportError:
        raise UserError("Cart-pole needs Gymnasium, which is not installed: pip install 'quickstudy[rl]'.") from None
    return gymnasium.make("CartPole-v1").unwrapped
