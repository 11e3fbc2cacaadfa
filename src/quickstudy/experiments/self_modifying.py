"""A matrix that acts and rewrites itself, with no gradient.

A reconstruction after Kirsch and Schmidhuber, "Eliminating Meta Optimization Through Self-Referential Meta Learning"
(2022), whose code is not public. The update is that of a self-referential weight matrix.

Letters: B executions at once, I numbers of the input, O of the output, A actions.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.core import UserError
from quickstudy.experiments.environments import Environment

NOISE = 4
"""Random numbers in each input: the only source of novelty while a matrix runs."""
_LARGEST = 5.0
_SHARPNESS = 5.0


@dataclass(frozen=True)
class SelfModifyingMatrix:
    """Sizes and rule of matrices W (O, I). All weights of W can be changed by W itself.

    The input is 1, noise, the last action, the last reward (where it is fed) and the observation. The output is one
    number for each action, a key, a query and the strength of the change.

    Args:
        num_actions: A.
        num_observed: numbers of an observation.
        rule: "delta" corrects what the key finds towards what the query finds; "additive" adds a product of the two;
            "none" changes nothing.
        feeds_reward: whether the last reward is an input.
        rate: size of an additive change.

    Raises:
        UserError: if there is no such rule.
    """

    num_actions: int
    num_observed: int = 0
    rule: Literal["delta", "additive", "none"] = "delta"
    feeds_reward: bool = True
    rate: float = 0.1

    def __post_init__(self) -> None:
        """Refuse an unknown rule."""
        if self.rule not in ("delta", "additive", "none"):
            raise UserError(f"rule = {self.rule!r} was given, but 'delta', 'additive' or 'none' was expected.")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows O and columns I."""
        inputs = 1 + NOISE + self.num_actions + int(self.feeds_reward) + self.num_observed
        return self.num_actions + 2 * inputs + 1, inputs

    def random(self, count: int, generator: torch.Generator) -> Tensor:
        """Random matrices (count, O, I).

        Args:
            count: how many.
            generator: the source of random numbers.
        """
        return torch.randn(count, *self.shape, generator=generator)

    def inputs(self, action_B: Tensor, reward_B: Tensor, seen: Tensor, generator: torch.Generator) -> Tensor:
        """The next input (B, I).

        Args:
            action_B: the last actions; −1 before the first.
            reward_B: the last rewards.
            seen: observations (B, num_observed).
            generator: the source of random numbers.
        """
        noise = torch.randn(len(action_B), NOISE, generator=generator)
        one_hot = F.one_hot(action_B + 1, self.num_actions + 1)[:, 1:].float()
        rewards = [reward_B[:, None]] if self.feeds_reward else []
        return torch.cat([torch.ones(len(action_B), 1), noise, one_hot, *rewards, seen], dim=1)

    def step(self, weights: Tensor, x_BI: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the actions (B, A), and the matrices after they changed themselves.

        Args:
            weights: (B, O, I).
            x_BI: the inputs.
        """
        inputs = x_BI.shape[1]
        output = (weights @ x_BI[..., None]).squeeze(-1)
        action_BA, key, query, strength = output.split([self.num_actions, inputs, inputs, 1], dim=1)
        return _SHARPNESS * action_BA, self._changed(weights, key, query, strength.sigmoid())

    def _changed(self, weights: Tensor, key: Tensor, query: Tensor, strength: Tensor) -> Tensor:
        if self.rule == "none":
            return weights
        if self.rule == "delta":
            key, query = key.softmax(dim=1), query.softmax(dim=1)
            value = (weights @ (query - key)[..., None]).squeeze(-1)
        else:
            key, value = key.tanh(), self.rate * (weights @ query.tanh()[..., None]).squeeze(-1).tanh()
        change = (strength * value)[..., None] * key[:, None]
        return (weights + change).clamp(-_LARGEST, _LARGEST)


def execute(
    matrix: SelfModifyingMatrix, weights: Tensor, environment: Environment, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Let each matrix act and change itself. Returns the final matrices (B, O, I) and total rewards (B,).

    Args:
        matrix: sizes and rule.
        weights: (B, O, I), where the executions start.
        environment: where they act.
        generator: the source of random numbers.
    """
    seen = environment.start(len(weights), generator)
    total_B = torch.zeros(len(weights))
    action_B, reward_B = torch.full((len(weights),), -1), torch.zeros(len(weights))
    is_over_B = torch.zeros(len(weights), dtype=torch.bool)
    while not is_over_B.all():
        logits_BA, changed = matrix.step(weights, matrix.inputs(action_B, reward_B, seen, generator))
        weights = torch.where(is_over_B[:, None, None], weights, changed)
        # The largest logit plus Gumbel noise is a draw from the softmax.
        unit_BA = torch.rand(logits_BA.shape, generator=generator).clamp(min=1e-9)
        action_B = (logits_BA - (-unit_BA.log()).log()).argmax(dim=1)
        seen, reward_B, is_over_B = environment.step(action_B)
        total_B += reward_B
    return weights, total_B
