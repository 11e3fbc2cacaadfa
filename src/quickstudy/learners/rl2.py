"""RL²: a recurrent network whose state is its learning algorithm.

Duan, Schulman, Chen, Bartlett, Sutskever and Abbeel, "RL²: Fast Reinforcement Learning via Slow Reinforcement Learning"
(2016), section 2.2. The value network is a recurrent network of its own.
"""

from quickstudy.learners._sequence_policies import SequencePolicy
from quickstudy.networks.recurrent import Cell, RecurrentBlock


class RL2(SequencePolicy):
    """Reads the steps of a trial with a recurrent network, and chooses the next action.

    Args:
        num_actions: how many actions there are.
        observation_shape: shape of one observation.
        units: units of each of the two networks.
        cell: "gru", as in the paper, or "lstm".
        has_value: whether there is a value network, which only practice needs.
    """

    def __init__(
        self,
        num_actions: int,
        observation_shape: tuple[int, ...],
        *,
        units: int = 256,
        cell: Cell = "gru",
        has_value: bool = True,
    ) -> None:
        super().__init__(
            num_actions,
            observation_shape,
            lambda channels, _: RecurrentBlock(channels, units, cell),
            has_value=has_value,
        )
