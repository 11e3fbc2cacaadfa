"""Networks whose neurons and synapses hold several numbers, and whose forward pass, feedback and change are one rule.

Sandler et al., "Meta-Learning Bidirectional Update Rules" (ICML 2021), section 3. The learner is in
`learners/bidirectional.py`.

Letters: T tasks, B examples, I neurons of a layer (and one bias), J neurons of the layer above, K states.
"""

from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

Start = Literal["random", "gradient"]
Rule = Literal["learned", "backpropagation"]


class Synapses(NamedTuple):
    """All synapses between two layers. The last neuron below is the bias."""

    up: Tensor
    """U (T, I + 1, J, K), which the forward pass reads."""
    down: Tensor
    """V (T, J, I + 1, K), which the feedback reads."""


class Genome(nn.Module):
    """The numbers of the rule, which all neurons and synapses share: 4 K² + 4, which are 20 for two states.

    Args:
        num_states: K.
        start: draw the matrices at random, or start near gradient descent, which needs two states.

    Raises:
        ValueError: if there are too few states.
    """

    def __init__(self, num_states: int = 2, start: Start = "random") -> None:
        super().__init__()
        if num_states < 2 or (start == "gradient" and num_states != 2) or start not in ("random", "gradient"):
            raise ValueError(
                f"num_states is {num_states} and start is {start!r}, but 2 states at least and random were expected, "
                "or 2 states and gradient."
            )
        self.up, self.down, self.before, self.after = (
            nn.Parameter(torch.randn(num_states, num_states)) for _ in range(4)
        )  # T_f, T_b, P, Q
        # ν' counts for the sum over a batch, so it is small.
        self.rates = nn.Parameter(torch.tensor([1.0, 1.0, 1.0, -1e-3]))  # κ, ν, κ', ν'
        if start == "gradient":
            self.set_gradient()

    def set_gradient(self, rate: float = 1e-3) -> None:
        """Take the numbers with which the rule of back-propagation is gradient descent.

        Args:
            rate: learning rate.
        """
        with torch.no_grad():
            self.up.copy_(torch.tensor([[1.0, 1.0], [0.0, 0.0]]))
            self.down.copy_(torch.eye(2))
            self.before.copy_(torch.eye(2))
            self.after.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
            self.rates.copy_(torch.tensor([1.0, 1.0, 1.0, -rate]))

    @property
    def num_states(self) -> int:
        """K."""
        return len(self.up)


def first_synapses(sizes: tuple[int, ...], num_states: int, scale: float, generator: torch.Generator) -> list[Synapses]:
    """Uniform random synapses between all layers, of one task. All states of a synapse are drawn for themselves.

    Args:
        sizes: the neurons of each layer.
        num_states: K.
        scale: the largest synapse.
        generator: the source of random numbers.
    """

    def drawn(*shape: int) -> Tensor:
        return scale * (2 * torch.rand(1, *shape, num_states, generator=generator) - 1)

    return [Synapses(drawn(below + 1, above), drawn(above, below + 1)) for below, above in pairwise(sizes)]


def sign_symmetric_synapses(
    sizes: tuple[int, ...], num_states: int, scale: float, generator: torch.Generator
) -> list[Synapses]:
    """First synapses of a network with one hidden layer, for which no sign of an input or of the answer is special.

    Hidden neurons come in groups, one neuron for each choice of signs: its synapses are those of the group, times the
    signs. Changing the sign of an input, or of the answers, only permutes the neurons of each group. So what the rule
    can learn, it learns as well with any of these signs changed. The highest layer has no first bias, and the first
    output is zero, as with the antisymmetric initialisation of Zhang et al., "A type of generalization error induced by
    initialization in deep neural networks" (2020).

    Args:
        sizes: inputs, hidden neurons and outputs.
        num_states: K.
        scale: the largest synapse.
        generator: the source of random numbers.

    Raises:
        ValueError: if there is not one hidden layer of whole groups.
    """
    group = 2 ** (sizes[0] + 1)
    if len(sizes) != 3 or sizes[1] % group:
        raise ValueError(
            f"Layers of {sizes[1:-1]} hidden neurons were given, but one layer was expected, and a multiple of {group} "
            f"neurons: one for each choice of signs of {sizes[0]} inputs and of the answer."
        )
    num_inputs, hidden, _ = sizes
    lower, upper = first_synapses((num_inputs, hidden // group, sizes[2]), num_states, scale, generator)
    signs_GI = torch.cartesian_prod(*[torch.tensor([1.0, -1.0])] * (num_inputs + 1))
    of_inputs_HI1 = torch.cat([signs_GI[:, :-1], torch.ones(group, 1)], dim=1).repeat(hidden // group, 1)[..., None]
    of_answer_H1 = torch.cat([signs_GI[:, -1].repeat(hidden // group), torch.zeros(1)])[:, None]  # The bias is zero.

    def repeated(part: Tensor, dim: int) -> Tensor:
        return part.repeat_interleave(group, dim=dim)

    def with_bias(part: Tensor, dim: int) -> Tensor:
        size = part.shape[dim] - 1
        return torch.cat([repeated(part.narrow(dim, 0, size), dim), part.narrow(dim, size, 1)], dim=dim)

    return [
        Synapses(repeated(lower.up, 2) * of_inputs_HI1.transpose(0, 1), repeated(lower.down, 1) * of_inputs_HI1),
        Synapses(with_bias(upper.up, 1) * of_answer_H1[:, None], with_bias(upper.down, 2) * of_answer_H1),
    ]


def tied(synapses: Synapses) -> Synapses:
    """Synapses whose two directions and whose states are equal, as back-propagation has them.

    Args:
        synapses: the first state upwards is taken.
    """
    up = synapses.up[..., :1].expand_as(synapses.up)
    return Synapses(up, up.transpose(1, 2))


def forward_pass(genome: Genome, synapses: list[Synapses], x_TBI: Tensor, rule: Rule = "learned") -> list[Tensor]:
    """States of all layers (T, B, I, K), from inputs that are the first state of the lowest layer.

    Args:
        genome: the rule's numbers.
        synapses: of all layers.
        x_TBI: inputs.
        rule: the learned rule, or that of back-propagation, whose second state holds the slope of the first.
    """
    _, update, _, _ = genome.rates
    silent = torch.zeros_like(x_TBI)
    layers = [torch.stack([x_TBI] + [silent] * (genome.num_states - 1), dim=-1)]
    for depth, (up, _) in enumerate(synapses):
        is_last = depth == len(synapses) - 1
        # The state of the neurons above is zero before, so nothing of it is kept.
        drive_TBJK = update * torch.einsum("tbil,tijl->tbjl", _with_bias(layers[-1]) @ genome.up, up)
        layers.append(_slopes(drive_TBJK, is_last) if rule == "backpropagation" else _squashed(drive_TBJK, is_last))
    return layers


def with_feedback(
    genome: Genome, synapses: list[Synapses], layers: list[Tensor], target_TBJ: Tensor, rule: Rule = "learned"
) -> list[Tensor]:
    """The states after the answers were given to the highest layer and went down to the second.

    Args:
        genome: the rule's numbers.
        synapses: of all layers.
        layers: states after the forward pass.
        target_TBJ: the answers, −1 or 1.
        rule: as in the forward pass. Back-propagation gives the highest layer the error times the slope.
    """
    keep, update, _, _ = genome.rates
    output_TBJ, slope_TBJ = layers[-1][..., 0], layers[-1][..., 1]
    told_TBJ = (output_TBJ - target_TBJ) * slope_TBJ if rule == "backpropagation" else target_TBJ
    rest = [torch.zeros_like(output_TBJ)] * (genome.num_states - 2)
    after = [*layers[:-1], torch.stack([output_TBJ, told_TBJ, *rest], dim=-1)]
    for depth in range(len(layers) - 2, 0, -1):
        down_TJIK = synapses[depth].down[:, :, :-1]
        drive_TBIK = update * torch.einsum("tbjl,tjil->tbil", after[depth + 1] @ genome.down, down_TJIK)
        if rule == "backpropagation":
            value, slope = layers[depth].unbind(dim=-1)
            after[depth] = torch.stack([value, slope * drive_TBIK[..., 1]], dim=-1)
        else:
            after[depth] = (keep * layers[depth] + drive_TBIK).tanh().relu()
    return after


def changed(
    genome: Genome, synapses: list[Synapses], layers: list[Tensor], weight_TB: Tensor, rule: Rule = "learned"
) -> list[Synapses]:
    """The synapses after one update: what was kept, and products of the states on both sides, summed over examples.

    Args:
        genome: the rule's numbers.
        synapses: of all layers.
        layers: states after the feedback.
        weight_TB: how much each example counts.
        rule: as in the forward pass. Back-propagation ties synapses.
    """
    _, _, keep, update = genome.rates
    found = []
    for (up, down), below, above in zip(synapses, layers[:-1], layers[1:], strict=True):
        below_TBIK, above_TBJK = _with_bias(below), above
        weighted = weight_TB[..., None, None]
        # ΔS_ijo = Σ_b Σ_kl z_ik P_ko Q_ol z_jl, of the two blocks that are read.
        up_change = torch.einsum("tbio,tbjo->tijo", weighted * below_TBIK @ genome.before, above_TBJK @ genome.after.mT)
        down_change = torch.einsum(
            "tbjo,tbio->tjio", weighted * above_TBJK @ genome.before, below_TBIK @ genome.after.mT
        )
        new = Synapses(keep * up + update * up_change, keep * down + update * down_change)
        found.append(tied(new) if rule == "backpropagation" else new)
    return found


def _with_bias(layer_TBIK: Tensor) -> Tensor:
    """The states with a neuron more, whose states are all one."""
    return torch.cat([layer_TBIK, torch.ones_like(layer_TBIK[:, :, :1])], dim=2)


def _squashed(drive: Tensor, is_last: bool) -> Tensor:
    return drive.tanh() if is_last else drive.tanh().relu()


def _slopes(drive: Tensor, is_last: bool) -> Tensor:
    """The value and the slope of a sigmoid, or of tanh in the highest layer."""
    z = drive[..., 0]
    value = z.tanh() if is_last else z.sigmoid()
    return torch.stack([value, 1 - value**2 if is_last else value * (1 - value)], dim=-1)
