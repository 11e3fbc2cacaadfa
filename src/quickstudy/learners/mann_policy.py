"""MANN that acts: a controller binds what was done to what it gave, in a memory that is wiped for each task.

Santoro, Bartunov, Botvinick, Wierstra and Lillicrap, "Meta-Learning with Memory-Augmented Neural Networks" (ICML 2016),
for the network. The paper classifies; acting is that of Duan et al., "RL²" (2016), with this network in the place of
the recurrent one. No paper gives figures for it.
"""

from quickstudy.learners._sequence_policies import SequencePolicy
from quickstudy.networks.memory import AccessOptions
from quickstudy.networks.memory_cell import MANNCell, MemoryBlock


class MANNPolicy(SequencePolicy):
    """Reads the steps of a trial into a memory, and chooses the next action.

    Args:
        num_actions: how many actions there are.
        observation_shape: shape of one observation.
        hidden: units of each of the two controllers.
        slots: rows of a memory.
        width: numbers in a row.
        heads: keys in a step; each writes and reads.
    """

    def __init__(
        self,
        num_actions: int,
        observation_shape: tuple[int, ...],
        *,
        hidden: int = 48,
        slots: int = 32,
        width: int = 16,
        heads: int = 1,
    ) -> None:
        def make(channels: int, is_policy: bool) -> MemoryBlock:
            cell = MANNCell(
                channels,
                controller="lstm",
                hidden=hidden,
                slots=slots,
                width=width,
                heads=heads,
                access=AccessOptions(),
                feeds_reads=True,
                key_strength=True,
                max_key_strength=None,
            )
            return MemoryBlock(cell)

        super().__init__(num_actions, observation_shape, make)
