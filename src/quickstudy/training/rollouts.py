"""A learner learns from its own trials: proximal policy optimisation over whole trials.

Schulman, Wolski, Dhariwal, Radford and Klimov, "Proximal Policy Optimization Algorithms" (2017); Schulman, Moritz,
Levine, Jordan and Abbeel, "High-Dimensional Continuous Control Using Generalized Advantage Estimation" (ICLR 2016).

A trial is one sequence, with all its episodes: rewards of later episodes count for earlier actions, since what an
action finds out is used there.

Letters: T tasks, L steps.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from quickstudy.core import ActingLearner, Environment, Experience, PolicyOptimisation, Practice, Trials, play


class Rollouts:
    """Trials of a learner, as batches to learn from.

    Args:
        learner: acts, and is trained.
        environment: draws the worlds.
        settings: how the learner learns from its trials.
        mean: the mean of a number over all processes.
    """

    def __init__(
        self,
        learner: ActingLearner,
        environment: Environment,
        settings: PolicyOptimisation,
        mean: Callable[[Tensor], Tensor] = lambda number: number,
    ) -> None:
        self.learner, self.environment, self.settings, self.mean = learner, environment, settings, mean

    def batches(self, num_tasks: int, generator: torch.Generator, fraction: float) -> Iterator[Practice]:
        """Act, then give the trials again and again, in parts, until the policy has moved too far from them.

        Args:
            num_tasks: T, the trials.
            generator: decides the worlds, the actions and their outcomes.
            fraction: the share of the training that is over, from 0 to 1.
        """
        whole = self._practice(num_tasks, generator, fraction)
        for epoch in range(self.settings.epochs):
            if epoch and self._has_moved_too_far(whole):
                return
            order_T = torch.randperm(num_tasks, generator=generator, device=generator.device)
            for part in order_T.chunk(min(self.settings.minibatches, num_tasks)):
                yield whole if self.settings.minibatches == 1 else selected(whole, part)

    @torch.no_grad()
    def _practice(self, num_tasks: int, generator: torch.Generator, fraction: float) -> Practice:
        trials = play(self.learner, self.environment, num_tasks, generator)
        value_TL = self.learner.values(trials.experience)
        advantage_TL = advantages(trials, value_TL, self.settings, self.learner.episodes_are_apart)
        real = advantage_TL[trials.is_real]
        # Over the whole batch: within a trial, an action that all later rewards depend on must stand out.
        scaled_TL = (advantage_TL - real.mean()) / real.std().clamp(min=1e-6)
        # By the network that reads whole trials, so that the first ratio is exactly one.
        log_probability_TL = self.learner.along(trials.experience).log_prob(trials.experience.action)
        return Practice(
            experience=trials.experience,
            is_real=trials.is_real,
            log_probability=log_probability_TL,
            advantage=scaled_TL,
            returns=advantage_TL + value_TL,
            clip=self.settings.clip,
            entropy=self.settings.entropy * (1 - fraction),
        )

    @torch.no_grad()
    def _has_moved_too_far(self, practice: Practice) -> bool:
        divergence = practice.divergence(self.learner.along(practice.experience))
        return float(self.mean(divergence)) > self.settings.stop_divergence


def advantages(
    trials: Trials, value_TL: Tensor, settings: PolicyOptimisation, episodes_are_apart: bool = False
) -> Tensor:
    """How much better each action was than expected, (T, L), by generalised advantage estimation.

    The end of the trial cuts the sum. The end of an episode does so only for a learner whose episodes are apart.

    Args:
        trials: what happened.
        value_TL: the value network's estimates.
        settings: discount and trace.
        episodes_are_apart: as in `ActingLearner`.
    """
    ended_TL = trials.experience.ended if episodes_are_apart else torch.zeros_like(trials.experience.ended)
    goes_on_TL = (~ended_TL).to(value_TL.dtype)
    real_TL = trials.is_real.to(value_TL.dtype)
    ahead_T = later_T = torch.zeros_like(value_TL[:, 0])
    found = []
    backwards = [field.unbind(dim=1)[::-1] for field in (trials.reward, value_TL, real_TL, goes_on_TL)]
    for reward_T, value_T, is_real_T, goes_on_T in zip(*backwards, strict=True):
        surprise_T = reward_T + settings.discount * goes_on_T * later_T - value_T
        ahead_T = is_real_T * (surprise_T + settings.discount * settings.trace * goes_on_T * ahead_T)
        later_T = is_real_T * value_T
        found.append(ahead_T)
    return torch.stack(found[::-1], dim=1)


def selected(practice: Practice, task_T: Tensor) -> Practice:
    """Some of the trials.

    Args:
        practice: trials.
        task_T: which.
    """
    experience = Experience(*(field[task_T] for field in practice.experience))
    fields = {name: getattr(practice, name)[task_T] for name in ("is_real", "log_probability", "advantage", "returns")}
    return practice._replace(experience=experience, **fields)
