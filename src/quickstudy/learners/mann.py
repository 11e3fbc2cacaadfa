"""Memory-augmented neural network: it stores examples with their labels in a memory, which is empty for each new task.

Santoro et al., "Meta-Learning with Memory-Augmented Neural Networks" (ICML 2016); their episode is our
task, their time step one example. The memory is in `networks/memory.py`, a step in `networks/memory_cell.py`, the
reading of labels in `_label_sequences.py`.

What differs: the paper reads sequences only, and each label comes one step late. Here any number of queries may follow
the support, each in parallel with the others, and the support's labels may come `at once`. In training the classes of
a task are put into random label slots. There are more slots than classes, so one set of weights serves any number of
ways.
"""

from torch import nn

from quickstudy.learners._label_sequences import Labels, LabelSequenceLearner
from quickstudy.learners._label_sequences import LabelTime as LabelTime
from quickstudy.networks.memory import AccessOptions, Erase, Time
from quickstudy.networks.memory_cell import Controller as Controller
from quickstudy.networks.memory_cell import MANNCarried as MANNCarried
from quickstudy.networks.memory_cell import MANNCell


class MANN(LabelSequenceLearner):
    """Reads examples and their labels one after another into a memory of `slots` rows.

    Args:
        num_features: Numbers that the encoder gives for an example, or that an example has.
        encoder: Network that embeds examples; None reads their numbers.
        labels: One-hot labels or strings of five letters.
        max_ways: Label slots.
        controller: Network that drives the memory; the feed-forward one is a single layer.
        hidden: Units of the controller.
        slots: Rows of the memory.
        width: Numbers in a row.
        heads: Keys in a step; each writes and reads.
        usage_decay: Share of a row's usage that is left after a step.
        addresses: Memory that the keys are compared with: before this step's writing, or after it.
        reads: Memory whose content is read: before this step's writing, or after it.
        erase: Least-used rows that are erased before the writing: none, that of the first head, or those of all heads.
        least_used: Number of least-used rows that each head writes to; None gives each head a row of its own.
        feeds_reads: Give what was read to the controller's next step.
        key_strength: Let the controller choose how sharply a head reads; the paper's heads cannot.
        max_key_strength: Highest key strength. A head that reads too sharply gets no gradient from other rows.
        labels_come: Labels come with the next example, or with their own.
        only_queries: Where labels come late, the loss is that of the answers to the queries only.

    Raises:
        ValueError: if no such network can be built.
    """

    def __init__(
        self,
        num_features: int,
        *,
        encoder: nn.Module | None = None,
        labels: Labels = "one-hot",
        max_ways: int = 20,
        controller: Controller = "lstm",
        hidden: int = 200,
        slots: int = 128,
        width: int = 40,
        heads: int = 4,
        usage_decay: float = 0.99,
        addresses: Time = "before",
        reads: Time = "after",
        erase: Erase = "first",
        least_used: int | None = None,
        feeds_reads: bool = True,
        key_strength: bool = False,
        max_key_strength: float | None = None,
        labels_come: LabelTime = "late",
        only_queries: bool = False,
    ) -> None:
        def make_cell(num_inputs: int) -> MANNCell:
            return MANNCell(
                num_inputs,
                controller=controller,
                hidden=hidden,
                slots=slots,
                width=width,
                heads=heads,
                access=AccessOptions(addresses, reads, erase, least_used, usage_decay),
                feeds_reads=feeds_reads,
                key_strength=key_strength,
                max_key_strength=max_key_strength,
            )

        super().__init__(
            num_features,
            make_cell,
            encoder=encoder,
            labels=labels,
            max_ways=max_ways,
            labels_come=labels_come,
            only_queries=only_queries,
        )
