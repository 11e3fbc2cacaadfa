"""Evolution strategies: they draw a population of weights around a mean, and move the mean by the members' losses.

OpenAI's ES: Salimans et al., "Evolution Strategies as a Scalable Alternative to Reinforcement Learning" (2017). PGPE:
Sehnke et al., "Parameter-exploring policy gradients" (2010), with ClipUp (Toklu et al., 2020). SNES: Schaul,
Glasmachers and Schmidhuber, "High Dimensions and Heavy Tails for Natural Evolution Strategies" (2011).

Letters: P members, K pairs, D numbers of all weights.
"""

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor

from quickstudy.core import UserError
from quickstudy.training.evolution.perturbations import Shapes, centred_ranks, low_rank_noise, normal_noise

Shaping = Literal["ranks", "losses"]


class Strategy(ABC):
    """A strategy minimises. Its result is the mean, not the best member, whose low loss may be luck.

    Args:
        mean: where the search starts, (D,).
        num_members: P, the members of a population.
    """

    num_sharing: int | None = None
    """How many members in a row have the same tasks: 2 for pairs. None if all members of a population have."""

    def __init__(self, mean: Tensor, num_members: int) -> None:
        self.mean, self.num_members = mean.detach().clone(), num_members

    @abstractmethod
    def ask(self, generator: torch.Generator) -> Tensor:
        """The members of the next population, (P, D).

        Args:
            generator: the source of random numbers.
        """

    @abstractmethod
    def tell(self, members_PD: Tensor, losses_P: Tensor) -> None:
        """Move the mean.

        Args:
            members_PD: what `ask` returned last.
            losses_P: the loss of each member.
        """


class _Pairs(Strategy):
    """Members come in antithetic pairs: mean + noise, then mean − noise."""

    num_sharing = 2
    noise_KD: Tensor

    def __init__(self, mean: Tensor, num_members: int, deviation: float) -> None:
        if num_members < 2 or num_members % 2:
            raise UserError(f"num_members = {num_members} was given, but pairs need an even number from 2.")
        if deviation <= 0:
            raise UserError(f"deviation = {deviation} was given, but a number above 0 was expected.")
        super().__init__(mean, num_members)

    def _around(self, noise_KD: Tensor) -> Tensor:
        self.noise_KD = noise_KD
        return torch.stack([self.mean + noise_KD, self.mean - noise_KD], dim=1).flatten(0, 1)


class OpenAIES(_Pairs):
    """Gradient of the smoothed loss, estimated from antithetic pairs, and Adam.

    Args:
        mean: where the search starts, (D,).
        num_members: P, two for each pair.
        deviation: standard deviation σ of the noise.
        learning_rate: rate of Adam.
        shaping: estimate from ranks, or from the losses themselves, as VSML does.
        weight_decay: share of the mean that is added to the gradient.
        rank: rank of the noise of each matrix. None gives full noise.
        shapes: names and shapes of the weights. A rank needs them.

    Raises:
        UserError: if a setting is invalid.
    """

    def __init__(
        self,
        mean: Tensor,
        num_members: int = 128,
        *,
        deviation: float = 0.02,
        learning_rate: float = 0.01,
        shaping: Shaping = "ranks",
        weight_decay: float = 0.0,
        rank: int | None = None,
        shapes: Shapes | None = None,
    ) -> None:
        super().__init__(mean, num_members, deviation)
        if shaping not in ("ranks", "losses"):
            raise UserError(f"shaping = {shaping!r} was given, but ranks or losses was expected.")
        if rank is not None and (rank < 1 or shapes is None):
            raise UserError(f"rank = {rank} was given. Give a rank from 1, and the shapes of the weights with it.")
        self.deviation, self.shaping, self.weight_decay = deviation, shaping, weight_decay
        self.rank, self.shapes = rank, shapes
        self._optimiser = torch.optim.Adam([self.mean], lr=learning_rate)

    def ask(self, generator: torch.Generator) -> Tensor:
        """The members of the next population, (P, D), pair by pair.

        Args:
            generator: the source of random numbers.
        """
        pairs = self.num_members // 2
        if self.rank is None or self.shapes is None:
            noise_KD = normal_noise(pairs, len(self.mean), generator)
        else:
            noise_KD = low_rank_noise(pairs, self.shapes, self.rank, generator)
        return self._around(self.deviation * noise_KD)

    def gradient(self, losses_P: Tensor) -> Tensor:
        """The estimate of the gradient (D,): the mean over the pairs of noise · (L₊ − L₋) / 2σ².

        Ranks take the place of the losses if the shaping says so.

        Args:
            losses_P: the loss of each member that `ask` returned last.
        """
        shaped_P = centred_ranks(losses_P) if self.shaping == "ranks" else losses_P
        difference_K = shaped_P[0::2] - shaped_P[1::2]
        return difference_K.to(self.mean) @ self.noise_KD / (2 * self.deviation**2 * len(difference_K))

    def tell(self, members_PD: Tensor, losses_P: Tensor) -> None:
        """One step of Adam.

        Args:
            members_PD: what `ask` returned last.
            losses_P: the loss of each member.
        """
        self.mean.grad = self.gradient(losses_P) + self.weight_decay * self.mean
        self._optimiser.step()


class PGPE(_Pairs):
    """Follows the gradient for the mean and for the deviation of each weight.

    Args:
        mean: where the search starts, (D,).
        num_members: P, two for each pair.
        deviation: first standard deviation of each weight.
        step_length: length of each step of the mean, added to the velocity (ClipUp).
        momentum: share of the velocity that stays.
        deviation_rate: learning rate of the deviations. None leaves them as they are.

    Raises:
        UserError: if a setting is invalid.
    """

    def __init__(
        self,
        mean: Tensor,
        num_members: int = 128,
        *,
        deviation: float = 0.1,
        step_length: float = 0.05,
        momentum: float = 0.9,
        deviation_rate: float | None = 0.1,
    ) -> None:
        super().__init__(mean, num_members, deviation)
        self.deviation_D, self.velocity_D = torch.full_like(self.mean, deviation), torch.zeros_like(self.mean)
        self.step_length, self.momentum, self.deviation_rate = step_length, momentum, deviation_rate

    def ask(self, generator: torch.Generator) -> Tensor:
        """The members of the next population, (P, D), pair by pair.

        Args:
            generator: the source of random numbers.
        """
        noise_KD = normal_noise(self.num_members // 2, len(self.mean), generator)
        return self._around(self.deviation_D * noise_KD)

    def tell(self, members_PD: Tensor, losses_P: Tensor) -> None:
        """One step of the mean, and one of the deviations, which change by a fifth at most.

        Args:
            members_PD: what `ask` returned last.
            losses_P: the loss of each member.
        """
        gain_P = -centred_ranks(losses_P).to(self.mean)
        up_K, down_K = gain_P[0::2], gain_P[1::2]
        direction_D = ((up_K - down_K) / 2) @ self.noise_KD
        self.velocity_D = self.momentum * self.velocity_D
        if (length := direction_D.norm()) > 0:
            self.velocity_D = self.velocity_D + self.step_length * direction_D / length
        speed, most = self.velocity_D.norm(), 2 * self.step_length
        if speed > most:
            self.velocity_D = self.velocity_D * most / speed
        if self.deviation_rate is not None:
            before_D = self.deviation_D
            spread_KD = (self.noise_KD**2 - before_D**2) / before_D
            change_D = self.deviation_rate * ((up_K + down_K) / 2) @ spread_KD / len(up_K)
            self.deviation_D = (before_D + change_D).clamp(0.8 * before_D, 1.2 * before_D)
        self.mean += self.velocity_D


class SNES(Strategy):
    """Natural gradient for the mean and for the deviation of each weight. All members have the same tasks.

    Args:
        mean: where the search starts, (D,).
        num_members: P. None gives 4 + 3 ln D.
        deviation: first standard deviation of each weight.

    Raises:
        UserError: if a setting is invalid.
    """

    def __init__(self, mean: Tensor, num_members: int | None = None, *, deviation: float = 1.0) -> None:
        count = 4 + int(3 * math.log(len(mean))) if num_members is None else num_members
        if count < 2 or deviation <= 0:
            raise UserError(
                f"num_members = {count} and deviation = {deviation} were given, but 2 members or more and a deviation "
                "above 0 were expected."
            )
        super().__init__(mean, count)
        self.deviation_D = torch.full_like(self.mean, deviation)
        weight_P = (math.log(count / 2 + 1) - torch.arange(1, count + 1).log()).clamp(min=0)
        self.utility_P = (weight_P / weight_P.sum() - 1 / count).to(self.mean)

    def ask(self, generator: torch.Generator) -> Tensor:
        """The members of the next population, (P, D).

        Args:
            generator: the source of random numbers.
        """
        return self.mean + self.deviation_D * normal_noise(self.num_members, len(self.mean), generator)

    def tell(self, members_PD: Tensor, losses_P: Tensor) -> None:
        """One step of the mean and of the deviations.

        Args:
            members_PD: what `ask` returned last.
            losses_P: the loss of each member.
        """
        place_P = losses_P.argsort(stable=True)
        step_PD = ((members_PD - self.mean) / self.deviation_D)[place_P]
        rate = (3 + math.log(len(self.mean))) / (5 * math.sqrt(len(self.mean)))
        self.mean += self.deviation_D * (self.utility_P @ step_PD)
        self.deviation_D = self.deviation_D * (rate / 2 * (self.utility_P @ (step_PD**2 - 1))).exp()
