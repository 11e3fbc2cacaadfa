"""BLUR: one small rule, the genome, moves the states of neurons up and down and changes synapses. It is meta-trained.

Sandler et al., "Meta-Learning Bidirectional Update Rules" (ICML 2021), and the authors' code. The rule is in
`networks/two_way_units.py`.

What differs from the code: an update reads the whole support, so the order of the examples does not matter, and the
sum over examples is scaled to one number of examples, so that the genome fits any support. The first synapses are
drawn from a seed and never change, as in the authors' Boolean experiment. As an option, no sign of an input or of the
answer is special among them.

Letters: T tasks, S support examples, Q queries, E both, N classes, J outputs, K states.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Categorical
from torch.nn.functional import one_hot

from quickstudy.core import (
    Learner,
    Tasks,
    TrainingTasks,
    UserError,
    categorical,
    check_tasks,
    num_real,
    read_query,
    read_support,
)
from quickstudy.networks.two_way_units import (
    Genome,
    Rule,
    Start,
    Synapses,
    changed,
    first_synapses,
    forward_pass,
    sign_symmetric_synapses,
    tied,
    with_feedback,
)

_MOST = 1 - 1e-6  # Of an output, so that its log-odds are finite.


class BLURState(NamedTuple):
    """What the support taught."""

    synapses: tuple[Synapses, ...]
    """Between all layers, from the lowest."""
    is_seen: Tensor
    """(T, N), True for classes that had an example."""


class BLUR(Learner):
    """Learns by some updates of all synapses on the support. The genome, 20 numbers by default, is what is trained.

    Two classes have one output, whose sign is the answer. More classes have one output each. The meta-loss is the mean
    squared distance of the outputs for the queries from −1 and 1.

    Args:
        num_inputs: Numbers of an input.
        num_ways: Classes, 2 or more.
        hidden: Neurons of each hidden layer.
        num_states: States of each neuron and synapse.
        start: Start from a random genome, or near gradient descent.
        updates: Lowest and highest number of updates in training. A fixed number is overfitted.
        test_updates: Updates in eval mode.
        batch: The sum over the support counts as if the support had so many examples.
        synapse_scale: Largest first synapse.
        seed: Decides the first synapses.
        symmetric_signs: Draw first synapses with which changed signs of inputs or answers change nothing else.
        rule: The learned rule, or that of back-propagation, which ties synapses and multiplies by slopes.
        encoder: Maps inputs (T, S, *input) to (T, S, num_inputs); None reads their numbers.

    Raises:
        ValueError: if no such network can be built.
    """

    labels_are_slots = True

    def __init__(
        self,
        num_inputs: int,
        num_ways: int = 2,
        *,
        hidden: tuple[int, ...] = (20,),
        num_states: int = 2,
        start: Start = "random",
        updates: tuple[int, int] = (1, 11),
        test_updates: int = 5,
        batch: int = 128,
        synapse_scale: float = 1.0,
        seed: int = 0,
        symmetric_signs: bool = False,
        rule: Rule = "learned",
        encoder: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if num_ways < 2 or not 1 <= updates[0] <= updates[1] or test_updates < 0 or batch < 1:
            raise ValueError(
                f"num_ways is {num_ways}, updates {updates}, test_updates {test_updates} and batch {batch}, but 2 "
                "ways, a range from 1, 0 updates and 1 example at least were expected."
            )
        if rule == "backpropagation" and num_states != 2:
            raise ValueError(f"num_states is {num_states}, but back-propagation has 2.")
        self.num_inputs, self.num_ways, self.encoder = num_inputs, num_ways, encoder or nn.Flatten(2)
        self.updates, self.test_updates, self.batch, self.rule = updates, test_updates, batch, rule
        self.genome = Genome(num_states, start)
        if not hidden:  # No layer hears of the answers, so no gradient reaches this part.
            self.genome.down.requires_grad_(False)
        self.sizes = (num_inputs, *hidden, 1 if num_ways == 2 else num_ways)
        draw = sign_symmetric_synapses if symmetric_signs else first_synapses
        drawn = draw(self.sizes, num_states, synapse_scale, torch.Generator().manual_seed(seed))
        for depth, each in enumerate(tied(pair) if rule == "backpropagation" else pair for pair in drawn):
            for name, values in each._asdict().items():
                # The seed gives them again, so weights need not store them.
                self.register_buffer(f"{name}_{depth}", values.contiguous(), persistent=False)

    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> BLURState:
        """Change the synapses on the support.

        Args:
            support_x: inputs (T, S, *input).
            support_y: class indices (T, S).
            support_mask: (T, S), True where an example is real.
        """
        support_x, support_y, mask_TS = read_support(self, support_x, support_y, support_mask, max_ways=self.num_ways)
        return self._adapted(self._encode(support_x), support_y, mask_TS, self.test_updates)

    def predict(self, state: BLURState, query_x: Tensor) -> Categorical:
        """Classes of the queries. Classes without an example are excluded.

        Args:
            state: what `adapt` returned for T tasks.
            query_x: inputs (T, Q, *input).
        """
        output_TQJ = self._outputs(state, self._encode(read_query(self, state, query_x)))
        # An output is the difference of the probabilities of its two answers.
        odds_TQJ = output_TQJ.clamp(-_MOST, _MOST).atanh()
        logits_TQN = torch.cat([-odds_TQJ, odds_TQJ], dim=-1) if self.num_ways == 2 else 2 * odds_TQJ
        return categorical(logits_TQN.masked_fill(~state.is_seen[:, None], -torch.inf))

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """The mean squared distance of the outputs from −1 and 1. In training the number of updates is random.

        Args:
            tasks: the tasks of a training step.
        """
        check_tasks(tasks, self.num_ways)
        return self.unchecked_loss(tasks.gathered())

    def unchecked_loss(self, tasks: Tasks) -> Tensor:
        """The meta-loss without checks of the tasks, which evolution maps over members.

        Args:
            tasks: tasks whose labels are valid.
        """
        low, high = self.updates if self.training else (self.test_updates, self.test_updates)
        updates = low + int((high - low + 1) * torch.rand(()))
        state = self._adapted(self._encode(tasks.support_x), tasks.support_y, None, updates)
        output_TQJ = self._outputs(state, self._encode(tasks.query_x))
        return (output_TQJ - self._targets(tasks.query_y, output_TQJ)).square().mean()

    def _adapted(self, z_TSI: Tensor, y_TS: Tensor, mask_TS: Tensor | None, updates: int) -> BLURState:
        is_real_TS = torch.ones_like(y_TS, dtype=torch.bool) if mask_TS is None else mask_TS
        count = torch.as_tensor(num_real(mask_TS, y_TS.shape[1]), device=z_TSI.device)
        weight_TS = is_real_TS * (self.batch / count.to(z_TSI)).reshape(-1, 1)
        synapses = [
            Synapses(*(getattr(self, f"{name}_{depth}").expand(len(z_TSI), -1, -1, -1) for name in Synapses._fields))
            for depth in range(len(self.sizes) - 1)
        ]
        target_TSJ = self._targets(y_TS, z_TSI)
        for _ in range(updates):
            layers = forward_pass(self.genome, synapses, z_TSI, self.rule)
            layers = with_feedback(self.genome, synapses, layers, target_TSJ, self.rule)
            synapses = changed(self.genome, synapses, layers, weight_TS, self.rule)
        is_seen_TN = (one_hot(y_TS, self.num_ways).bool() & is_real_TS[..., None]).any(dim=1)
        return BLURState(tuple(synapses), is_seen_TN)

    def _outputs(self, state: BLURState, z_TQI: Tensor) -> Tensor:
        return forward_pass(self.genome, list(state.synapses), z_TQI, self.rule)[-1][..., 0]

    def _targets(self, y_TE: Tensor, like: Tensor) -> Tensor:
        """−1 or 1 for each output."""
        hot_TEJ = y_TE[..., None] if self.num_ways == 2 else one_hot(y_TE, self.num_ways)
        return 2 * hot_TEJ.to(like) - 1

    def _encode(self, x: Tensor) -> Tensor:
        z_TEI = self.encoder(x)
        if z_TEI.shape[-1] != self.num_inputs:
            raise UserError(
                f"Inputs {tuple(x.shape)} have {z_TEI.shape[-1]} numbers each, but the learner was built for "
                f"{self.num_inputs}. Resize the inputs, or build it for as many."
            )
        return z_TEI
