"""What learners that act share, whatever causal network they read with: items, two networks, and one step at a time.

Duan et al., "RL²: Fast Reinforcement Learning via Slow Reinforcement Learning" (2016), section 2.2: at each step the
network reads what it sees now, and the action, the reward and the end of an episode of the step before. Episodes of a
trial follow one another, and nothing is forgotten between them.

Letters: T tasks, L steps, Q observations, A actions, C channels of an item.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Categorical

from quickstudy.core import ActingLearner, Experience, UserError, categorical, check_observation, read_experience
from quickstudy.networks.temporal import CausalBlock

MakeBlock = Callable[[int, bool], CausalBlock]
"""Makes the network from the channels of an item, and whether it is the policy's."""


class PolicyState(NamedTuple):
    """What the steps so far mean to the next one."""

    caches: Any
    """What the policy's network remembers."""
    last: Tensor
    """(T, A + 2): the last action, one-hot, its reward, and whether an episode ended. Zeros before the first step."""


class SequencePolicy(ActingLearner):
    """Reads steps with a causal network, and a value network of its own kind beside it, for training alone.

    Args:
        num_actions: A.
        observation_shape: shape of one observation.
        make_block: makes the network of the policy, and that of the value.
        has_value: whether there is a value network. Without it the learner can imitate, but not practise.
    """

    def __init__(
        self,
        num_actions: int,
        observation_shape: tuple[int, ...],
        make_block: MakeBlock,
        *,
        has_value: bool = True,
    ) -> None:
        super().__init__()
        self.num_actions, self.observation_shape = num_actions, observation_shape
        channels = torch.Size(observation_shape).numel() + num_actions + 2
        self.policy = _Network(make_block(channels, True), num_actions)
        self.value = _Network(make_block(channels, False), 1) if has_value else None
        if self.value is None:
            self.clipped_apart = ()
        with torch.no_grad():
            self.policy.head.weight.mul_(0.01)  # At first all actions are about as probable.

    def prior(self, num_tasks: int) -> PolicyState:
        """No step was read.

        Args:
            num_tasks: T.
        """
        last_TC = self.policy.head.weight.new_zeros(num_tasks, self.num_actions + 2)
        return PolicyState(self.policy.block.empty(num_tasks), last_TC)

    def extend(self, state: PolicyState, experience: Experience) -> PolicyState:
        """Read further steps.

        Args:
            state: the state so far.
            experience: (T, L) steps.
        """
        if not self.training:  # In training the numbers are our own, and a GPU would have to wait.
            read_experience(experience, self.observation_shape, self.num_actions)
        after_TLC = self._after(experience)
        items_TLC = self._items(experience.observation, state.last, after_TLC)
        return PolicyState(self.policy.block.remember(state.caches, items_TLC), after_TLC[:, -1])

    def predict(self, state: PolicyState, query_x: Tensor) -> Categorical:
        """A distribution over actions for each observation, as if it alone came next.

        Args:
            state: the state so far.
            query_x: observations (T, Q, *observation).
        """
        if not self.training:
            check_observation(query_x, self.observation_shape)
        last_TQC = state.last[:, None].expand(-1, query_x.shape[1], -1)
        items_TQC = torch.cat([query_x.flatten(2).to(last_TQC.dtype), last_TQC], dim=-1)
        return categorical(self.policy.head(self.policy.block.query(state.caches, items_TQC)))

    def choose(self, state: PolicyState, observation: Tensor) -> tuple[Categorical, Any]:
        """What `predict` gives for one observation, and what the network remembers after it.

        Args:
            state: the state so far.
            observation: (T, 1, *observation).
        """
        items_T1C = torch.cat([observation.flatten(2).to(state.last.dtype), state.last[:, None]], dim=-1)
        out_T1C, caches = self.policy.block.extend(state.caches, items_T1C)
        return categorical(self.policy.head(out_T1C)), caches

    def conclude(self, seen: Any, experience: Experience) -> PolicyState:
        """The state that `extend` gives after the step, without reading its observation again.

        Args:
            seen: what the network remembers, from `choose`.
            experience: the step (T, 1).
        """
        return PolicyState(seen, self._after(experience)[:, -1])

    def along(self, experience: Experience) -> Categorical:
        """The prediction at every step, all steps at once.

        Args:
            experience: whole trials.
        """
        return categorical(self.policy(self._whole(experience)))

    def values(self, experience: Experience) -> Tensor:
        """The estimate of the value network at every step, (T, L).

        Args:
            experience: whole trials.

        Raises:
            UserError: if there is no value network.
        """
        if self.value is None:
            raise UserError(f"{type(self).__name__} has no value network, so it cannot learn from its own trials.")
        return self.value(self._whole(experience)).squeeze(-1)

    def _whole(self, experience: Experience) -> Tensor:
        nothing_TC = self.policy.head.weight.new_zeros(len(experience.action), self.num_actions + 2)
        return self._items(experience.observation, nothing_TC, self._after(experience))

    def _after(self, experience: Experience) -> Tensor:
        """What each step leaves to the next one, (T, L, A + 2)."""
        dtype = self.policy.head.weight.dtype
        action_TLA = F.one_hot(experience.action, self.num_actions).to(dtype)
        both = torch.stack([experience.reward.to(dtype), experience.ended.to(dtype)], dim=-1)
        return torch.cat([action_TLA, both], dim=-1)

    def _items(self, observation: Tensor, last_TC: Tensor, after_TLC: Tensor) -> Tensor:
        before_TLC = torch.cat([last_TC[:, None], after_TLC[:, :-1]], dim=1)
        return torch.cat([observation.flatten(2).to(before_TLC.dtype), before_TLC], dim=-1)


class _Network(nn.Module):
    """A causal network and a linear layer behind it."""

    def __init__(self, block: CausalBlock, outputs: int) -> None:
        super().__init__()
        self.block, self.head = block, nn.Linear(block.out_channels, outputs)

    def forward(self, items_TLC: Tensor) -> Tensor:
        return self.head(self.block(items_TLC))
