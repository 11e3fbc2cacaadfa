"""What a policy learns from: its own trials, with how much better each action was than expected.

Schulman, Wolski, Dhariwal, Radford and Klimov, "Proximal Policy Optimization Algorithms" (2017), equations 7 and 9.

Letters: T tasks, L steps.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from quickstudy.core.experience import Experience
from quickstudy.core.optimisation import refuse_count, refuse_number


@dataclass(frozen=True, kw_only=True)
class PolicyOptimisation:
    """How a policy learns from its own trials. One training step is one batch of trials.

    Raises:
        UserError: if no training is possible with a setting.
    """

    discount: float = 0.99
    """What a reward counts one step later."""
    trace: float = 0.3
    """The λ of generalised advantage estimation: 0 trusts the value network, 1 the rewards alone."""
    clip: float = 0.2
    """How far the probability of an action may move from that of the trial, as a share of it."""
    epochs: int = 4
    """How often each trial is used."""
    minibatches: int = 1
    """Parts of the batch of trials; each gives an update of the weights."""
    stop_divergence: float = 0.03
    """The epochs end when the policy's divergence from that of the trials is above this, in nats."""
    entropy: float = 0.01
    """Weight of the policy's entropy. It falls to zero in the course of the training."""

    def __post_init__(self) -> None:
        """Refuse settings with which no training is possible."""
        for name in ("epochs", "minibatches"):
            refuse_count(name, getattr(self, name), 1)
        for name in ("discount", "trace"):
            refuse_number(name, getattr(self, name), "from 0 to 1", lambda value: 0 <= value <= 1)
        for name in ("clip", "stop_divergence"):
            refuse_number(name, getattr(self, name), "above 0", lambda value: value > 0)
        refuse_number("entropy", self.entropy, "from 0", lambda value: value >= 0)


class Practice(NamedTuple):
    """Trials of the policy itself."""

    experience: Experience
    """Whole trials."""
    is_real: Tensor
    """(T, L) booleans: the trial was not over yet."""
    log_probability: Tensor
    """(T, L): of the action, when it was chosen."""
    advantage: Tensor
    """(T, L): how much better the action was than expected."""
    returns: Tensor
    """(T, L): the rewards from each step on, as the value network should estimate them."""
    clip: float
    """As in `PolicyOptimisation`."""
    entropy: float
    """Weight of the entropy now."""

    def loss(self, prediction: Distribution, value: Tensor) -> Tensor:
        """The clipped loss of the policy, and half the squared error of the value network.

        The two networks share no weights, so neither can drown the other's gradient; each is clipped by itself.

        Args:
            prediction: the policy at every step.
            value: the estimates (T, L) of the value network.
        """
        ratio = (prediction.log_prob(self.experience.action) - self.log_probability).exp()
        clipped = ratio.clamp(1 - self.clip, 1 + self.clip)
        gain = torch.minimum(ratio * self.advantage, clipped * self.advantage)
        gain = gain + self.entropy * prediction.entropy()
        return self._mean(0.5 * (value - self.returns).square() - gain)

    def divergence(self, prediction: Distribution) -> Tensor:
        """How far the policy is from that of the trials, in nats: an estimate of the mean KL divergence.

        Args:
            prediction: the policy at every step.
        """
        log_ratio = prediction.log_prob(self.experience.action) - self.log_probability
        return self._mean(log_ratio.exp() - 1 - log_ratio)  # Never below zero, and of low variance.

    def _mean(self, numbers_TL: Tensor) -> Tensor:
        return numbers_TL[self.is_real].mean()
