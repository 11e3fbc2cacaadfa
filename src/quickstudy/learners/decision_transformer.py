"""Decision-pretrained transformer, and algorithm distillation: no reinforcement learning, only imitation.

Lee, Xie, Pacchiano, Chandak, Finn, Nachum and Brunskill, "Supervised Pretraining Can Learn In-Context Reinforcement
Learning" (NeurIPS 2023): shown the best action of each task after any experience, a transformer learns the posterior of
the best action. Acting by it is posterior sampling, so it explores.

Laskin et al., "In-context Reinforcement Learning with Algorithm Distillation" (ICLR 2023): shown the actions of a
learning algorithm after its own experience, the same network learns to act as the algorithm does.

What is imitated is a matter of the tasks: see `quickstudy.tasks.ShownTrials`.
"""

from typing import Any

from torch import Tensor

from quickstudy.core import Experience
from quickstudy.learners._sequence_policies import SequencePolicy
from quickstudy.networks.causal_transformer import CausalTransformer


class DecisionTransformer(SequencePolicy):
    """Reads the steps of a trial with a transformer, and chooses the next action.

    Args:
        num_actions: how many actions there are.
        observation_shape: shape of one observation.
        channels: channels of an item.
        num_layers: blocks of the transformer.
        num_heads: heads of each attention.
    """

    def __init__(
        self,
        num_actions: int,
        observation_shape: tuple[int, ...],
        *,
        channels: int = 32,
        num_layers: int = 3,
        num_heads: int = 2,
    ) -> None:
        super().__init__(
            num_actions,
            observation_shape,
            lambda size, _: CausalTransformer(size, channels, num_layers, num_heads),
            has_value=False,
        )

    def attention(self, experience: Experience) -> Tensor:
        """How much each step reads of each step up to itself, (T, H, L, L), all heads of all layers.

        Args:
            experience: whole trials.
        """
        transformer: Any = self.policy.block
        found: Tensor = transformer.attention(self._whole(experience))
        return found
