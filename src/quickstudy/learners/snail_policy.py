"""SNAIL that acts: temporal convolutions and causal attention read the steps of a trial.

Mishra, Rohaninejad, Chen and Abbeel, "A Simple Neural Attentive Meta-Learner" (ICLR 2018), section 4.2: a layer of 32
units, two TCBlocks of 32 filters, an attention of 32 keys and values. The value network has 16 filters.

What differs from the paper: steps are read once and their activations are kept, so a step costs one position and not a
trial (the actions are the same); dilations start at one (see `TCBlock`).
"""

from typing import Any

from torch import Tensor, nn

from quickstudy.core import Experience
from quickstudy.learners._sequence_policies import SequencePolicy
from quickstudy.networks.causal_attention import CausalAttention
from quickstudy.networks.temporal import CausalBlock, CausalChain, TCBlock


class SNAILPolicy(SequencePolicy):
    """Reads the steps of a trial as a sequence, and chooses the next action.

    Args:
        num_actions: how many actions there are.
        observation_shape: shape of one observation.
        num_steps: most steps of a trial; decides how far back the convolutions read.
        filters: filters of each TCBlock, units of the first layer, keys and values of the attention.
        value_filters: the same of the value network.
        has_value: whether there is a value network, which only practice needs.
    """

    def __init__(
        self,
        num_actions: int,
        observation_shape: tuple[int, ...],
        *,
        num_steps: int,
        filters: int = 32,
        value_filters: int = 16,
        has_value: bool = True,
    ) -> None:
        def make(channels: int, is_policy: bool) -> CausalBlock:
            size = filters if is_policy else value_filters
            first = PointwiseLayer(channels, size)
            near = TCBlock(size, num_steps, size)
            far = TCBlock(near.out_channels, num_steps, size)
            return CausalChain([first, near, far, CausalAttention(far.out_channels, size, size)], channels)

        super().__init__(num_actions, observation_shape, make, has_value=has_value)

    def attention(self, experience: Experience) -> Tensor:
        """How much each step reads of each step up to itself, (T, 1, L, L).

        Args:
            experience: whole trials.
        """
        chain: Any = self.policy.block
        *convolutions, attention = chain.blocks
        x_TLC = self._whole(experience)
        for block in convolutions:
            x_TLC = block(x_TLC)
        weights_TLL: Tensor = attention.weights(attention.keys(x_TLC), x_TLC)
        return weights_TLL[:, None]


class PointwiseLayer(CausalBlock):
    """A linear layer and a rectifier at each position. It remembers nothing.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.layer, self.out_channels = nn.Linear(in_channels, out_channels), out_channels

    def empty(self, num_tasks: int) -> Tensor:
        """Nothing, for each task."""
        return self.layer.weight.new_empty(num_tasks, 0)

    def extend(self, cache: Tensor, x_TLC: Tensor, crowding: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The layer at the next positions."""
        return self.layer(x_TLC).relu(), cache

    def query(self, cache: Tensor, x_TQC: Tensor, crowding: Tensor | None = None) -> Tensor:
        """The layer at each query."""
        return self.layer(x_TQC).relu()
