"""Connections with a fixed weight and a Hebbian trace, whose share in the connection is trained.

Miconi, Clune and Stanley, "Differentiable Plasticity: Training Plastic Neural Networks with Backpropagation" (ICML
2018); equation numbers are the paper's.

Letters: T tasks, S examples or steps, I numbers before a layer of connections, J numbers behind it.
"""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

TraceRule = Literal["hebb", "oja"]


def hebb_step(trace_TIJ: Tensor, before_TI: Tensor, behind_TJ: Tensor, rate: Tensor | float) -> Tensor:
    """The trace after one step: a moving average of products of both ends (eq. 2).

    Args:
        trace_TIJ: Trace before the step.
        before_TI: Activity before the connections.
        behind_TJ: Activity behind them.
        rate: The paper's η.
    """
    return (1 - rate) * trace_TIJ + rate * before_TI[:, :, None] * behind_TJ[:, None]


def oja_step(trace_TIJ: Tensor, before_TI: Tensor, behind_TJ: Tensor, rate: Tensor | float) -> Tensor:
    """The same by Oja's rule: a trace fades only as far as its end is active (eq. 3).

    Args:
        trace_TIJ: Trace before the step.
        before_TI: Activity before the connections.
        behind_TJ: Activity behind them.
        rate: The paper's η.
    """
    change = before_TI[:, :, None] - behind_TJ[:, None] * trace_TIJ
    return trace_TIJ + rate * behind_TJ[:, None] * change


def trace_of_labels(
    trace_TIJ: Tensor, before_TSI: Tensor, label_TSJ: Tensor, real_TS: Tensor, rate: Tensor, rule: TraceRule
) -> Tensor:
    """The trace after many steps whose ends are labels, zero or one, all at once.

    Args:
        trace_TIJ: Trace before the steps.
        before_TSI: Activity before the connections.
        label_TSJ: Activity behind them: a one at the label, or zeros where a step is padding.
        real_TS: One where a step is real, else zero.
        rate: The paper's η.
        rule: Hebb's rule fades all traces in each step, Oja's those of the label.
    """
    fades_TSJ = label_TSJ if rule == "oja" else real_TS[..., None].expand_as(label_TSJ)
    later_TSJ = fades_TSJ.flip(1).cumsum(dim=1).flip(1) - fades_TSJ
    shares_TSJ = rate * (1 - rate) ** later_TSJ * label_TSJ
    kept_TJ = (1 - rate) ** fades_TSJ.sum(dim=1)
    return trace_TIJ * kept_TJ[:, None] + before_TSI.mT @ shares_TSJ


class PlasticConnections(nn.Module):
    """Connections w + α · trace (eq. 1), where w, α and η are trained, and the trace belongs to a task.

    Args:
        num_inputs: Numbers before the connections.
        num_outputs: Numbers behind them.
        rule: Hebb's rule or Oja's.
        first_rate: First value of η, between 0 and 1.
        first_share: First value of every α.

    Raises:
        ValueError: if there is no such rule, or a rate is none.
    """

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int,
        *,
        rule: TraceRule = "hebb",
        first_rate: float = 0.01,
        first_share: float = 0.01,
    ) -> None:
        super().__init__()
        if rule not in get_args(TraceRule):
            raise ValueError(f"rule is {rule!r}, but {' or '.join(get_args(TraceRule))} was expected.")
        if not 0 < first_rate < 1:
            raise ValueError(f"first_rate is {first_rate}, but a number between 0 and 1 was expected.")
        self.rule = rule
        self.fixed = nn.Parameter(0.01 * torch.randn(num_inputs, num_outputs))
        self.shares = nn.Parameter(torch.full((num_inputs, num_outputs), first_share))
        self.rate_logit = nn.Parameter(torch.logit(torch.tensor(first_rate)))

    @property
    def rate(self) -> Tensor:
        """The paper's η."""
        return self.rate_logit.sigmoid()

    def prior(self, num_tasks: int) -> Tensor:
        """A trace (T, I, J) of zeros.

        Args:
            num_tasks: Tasks.
        """
        return self.fixed.new_zeros(num_tasks, *self.fixed.shape)

    def forward(self, before_TSI: Tensor, trace_TIJ: Tensor) -> Tensor:
        """What arrives (T, S, J) through the connections of each task.

        Args:
            before_TSI: Activity before the connections.
            trace_TIJ: Trace of each task.
        """
        return before_TSI @ (self.fixed + self.shares * trace_TIJ)

    def step(self, trace_TIJ: Tensor, before_TI: Tensor, behind_TJ: Tensor) -> Tensor:
        """The trace after one step of any activity.

        Args:
            trace_TIJ: Trace before the step.
            before_TI: Activity before the connections.
            behind_TJ: Activity behind them.
        """
        rule = hebb_step if self.rule == "hebb" else oja_step
        return rule(trace_TIJ, before_TI, behind_TJ, self.rate)

    def learn(self, trace_TIJ: Tensor, before_TSI: Tensor, label_TSJ: Tensor, real_TS: Tensor) -> Tensor:
        """The trace after many steps whose ends are labels; see `trace_of_labels`.

        Args:
            trace_TIJ: Trace before the steps.
            before_TSI: Activity before the connections.
            label_TSJ: Activity behind them: a one at the label, or zeros where a step is padding.
            real_TS: One where a step is real, else zero.
        """
        return trace_of_labels(trace_TIJ, before_TSI, label_TSJ, real_TS, self.rate, self.rule)


class PlasticNetwork(nn.Module):
    """Neurons that are all connected with plastic connections, and that complete patterns seen before (section 4.1).

    Args:
        num_neurons: Neurons, one for each bit of a pattern.
        rule: Hebb's rule or Oja's.
        first_rate: First value of η.
        clamp: Factor of an input bit. A large one fixes its neuron.
    """

    def __init__(
        self, num_neurons: int, *, rule: TraceRule = "hebb", first_rate: float = 0.01, clamp: float = 20.0
    ) -> None:
        super().__init__()
        self.connections = PlasticConnections(num_neurons, num_neurons, rule=rule, first_rate=first_rate)
        self.clamp = clamp

    def forward(self, inputs_TSI: Tensor) -> Tensor:
        """Activity (T, S, I) at each step, of inputs +1, −1 or, where no bit is given, 0.

        Args:
            inputs_TSI: Inputs of each step. The activity before the first step is zero, and so is the trace.
        """
        before_TI, trace = torch.zeros_like(inputs_TSI[:, 0]), self.connections.prior(len(inputs_TSI))
        activity = []
        for given_TI in inputs_TSI.unbind(dim=1):
            arriving_TI = self.connections(before_TI[:, None], trace).squeeze(1)
            behind_TI = (arriving_TI + self.clamp * given_TI).tanh()  # eq. 1
            trace = self.connections.step(trace, before_TI, behind_TI)
            activity.append(behind_TI)
            before_TI = behind_TI
        return torch.stack(activity, dim=1)
