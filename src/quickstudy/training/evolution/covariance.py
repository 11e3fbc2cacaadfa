"""CMA-ES: evolution that learns the covariance of good changes. It is for some hundred numbers at most.

Hansen and Ostermeier, "Completely Derandomized Self-Adaptation in Evolution Strategies" (2001). The method is that of
the package `cma`, the extra `evolution`. Its random numbers are ours here, so a seed gives one result on any number of
processes.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from quickstudy.core import UserError
from quickstudy.training.evolution.strategies import Strategy


class CMAES(Strategy):
    """Covariance matrix adaptation. All members have the same tasks.

    Args:
        mean: where the search starts, (D,).
        num_members: members of a population. None gives 4 + 3 ln D.
        deviation: first standard deviation of each weight.

    Raises:
        UserError: if the package `cma` is missing, or a setting is invalid.
    """

    def __init__(self, mean: Tensor, num_members: int | None = None, *, deviation: float = 0.5) -> None:
        try:
            import cma
        except ImportError:
            raise UserError('CMA-ES needs the package cma. Install it: pip install "quickstudy[evolution]"') from None
        if (num_members is not None and num_members < 3) or deviation <= 0 or len(mean) < 2:
            raise UserError(
                f"num_members = {num_members}, deviation = {deviation} and {len(mean)} weights were given, but 3 "
                "members or more, a deviation above 0 and 2 weights or more were expected."
            )
        self._random = np.random.default_rng(0)
        options: dict[str, Any] = {"randn": self._normal, "seed": np.nan, "verbose": -9}
        if num_members is not None:
            options["popsize"] = num_members
        self._search: Any = cma.CMAEvolutionStrategy(mean.detach().double().cpu().numpy(), deviation, options)
        super().__init__(mean, self._search.popsize)

    def ask(self, generator: torch.Generator) -> Tensor:
        """The members of the next population, (P, D).

        Args:
            generator: the source of random numbers.
        """
        seed = torch.randint(2**31, (), generator=generator, device=generator.device)
        self._random = np.random.default_rng(int(seed))
        self._asked = self._search.ask()
        return torch.as_tensor(np.stack(self._asked)).to(self.mean)

    def tell(self, members_PD: Tensor, losses_P: Tensor) -> None:
        """Move the mean, and adapt the covariance.

        Args:
            members_PD: what `ask` returned last.
            losses_P: the loss of each member.
        """
        self._search.tell(self._asked, losses_P.double().tolist())
        self.mean = torch.as_tensor(self._search.mean).to(self.mean)

    def _normal(self, *shape: int) -> Any:
        return self._random.standard_normal(shape)
