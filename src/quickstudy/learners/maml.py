"""MAML: weights from which a few steps of gradient descent on the support lead to a good network for the task.

Finn, Abbeel and Levine, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks" (ICML 2017); equation
numbers are the paper's. As options: ANIL (Raghu, Raghu, Bengio and Vinyals, "Rapid Learning or Feature Reuse?", ICLR
2020), where the head alone is adapted; and learned rates (Li, Zhou, Chen and Li, "Meta-SGD", 2017).

What differs from the paper: nothing in the method. All tasks of a batch are adapted at once, each with weights of its
own; labels are slots; a value has a deviation, which the outer loop learns.

Letters: T tasks, S support examples, N outputs.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from quickstudy.core import TrainingTasks, check_tasks, in_random_slots
from quickstudy.core.compiling import not_compiled
from quickstudy.core.tracing import is_traced
from quickstudy.learners._inner_loops import AdaptedState, Answers, InnerLoopLearner
from quickstudy.networks.attention import full_precision
from quickstudy.networks.batch_statistics import among_themselves
from quickstudy.networks.functional import HEAD, FunctionalNetwork, Weights
from quickstudy.networks.low_rank_updates import UpdatedLinear, WatchedLinear

MAMLState = AdaptedState


class MAML(InnerLoopLearner):
    """Adapts by gradient descent on the support. The outer loop differentiates through it.

    The inner loss of classes is the sum over the classes of the mean over the examples of a class, as in the authors'
    code. It is N times the mean over all examples. The inner loss of values is the mean squared error.

    Args:
        network: Network whose weights are adapted.
        answers: What it predicts: classes or values.
        inner_rate: Learning rate of the inner steps.
        inner_steps: Inner steps in training.
        test_steps: Inner steps in eval mode; None takes as many as in training.
        test_rate: Learning rate of the inner steps in eval mode; None takes that of training. Learned rates stay.
        first_order: Treat the inner gradients as constants in the outer loop (FOMAML).
        adapts: Weights that change: all but shifts and scales of normalised numbers, or those of the last layer (ANIL).
        learns_rates: Give each weight its own inner rate, trained by the outer loop (Meta-SGD).
        is_transductive: Normalise queries among themselves; switched off, each query with the support alone.

    Raises:
        ValueError: if there is no such choice of weights, or a number of steps is negative.
    """

    def __init__(
        self,
        network: FunctionalNetwork,
        *,
        answers: Answers = "classes",
        inner_rate: float = 0.4,
        inner_steps: int = 1,
        test_steps: int | None = None,
        test_rate: float | None = None,
        first_order: bool = False,
        adapts: Literal["all layers", "head"] = "all layers",
        learns_rates: bool = False,
        is_transductive: bool = True,
    ) -> None:
        super().__init__(network, answers, is_transductive)
        if adapts not in ("all layers", "head"):
            raise ValueError(f"adapts is {adapts!r}, but 'all layers' or 'head' was expected.")
        if inner_steps < 0 or (test_steps is not None and test_steps < 0):
            raise ValueError(f"{inner_steps} inner steps and {test_steps} at test, but 0 at least were expected.")
        self.inner_rate, self.first_order, self.adapts = inner_rate, first_order, adapts
        self.test_rate = inner_rate if test_rate is None else test_rate
        self.inner_steps, self.test_steps = inner_steps, inner_steps if test_steps is None else test_steps
        self.learns_rates, self.rates = learns_rates, nn.ParameterDict()
        if learns_rates:
            for name in self.adapted_names:
                self.rates[name] = nn.Parameter(torch.full_like(network.first[name], inner_rate))

    @property
    def adapted_names(self) -> tuple[str, ...]:
        """Which of the network's weights are trained for each task."""
        if self.adapts == "head":
            return HEAD
        return tuple(name for name in self.network.first if name not in self.network.norm_names)

    @not_compiled  # It cannot compile what is differentiated twice.
    def adapted(self, support_x: Tensor, support_y: Tensor, is_present: Tensor, most_examples: int) -> Weights:
        """All of the network's weights, after the inner loop."""
        weights = self.network.weights(support_x.shape[0])
        num_steps = self.inner_steps if self.training else self.test_steps
        if is_traced():
            return self._traced(weights, support_x, support_y, is_present, num_steps)
        if self.adapts == "head":  # What the head reads stays the same all along.
            z_TSD = self.network.features(weights, support_x, among_themselves)
            outputs: Callable[[Weights], Tensor] = partial(self.network.head, z_TED=z_TSD)
        else:
            outputs = partial(self.network, x=support_x)
            for name in self._stepped_names(most_examples * num_steps):
                weights[name] = self.network.stepped(name, support_x.shape[0])
        asks_gradients = support_x.requires_grad or any(parameter.requires_grad for parameter in self.parameters())
        is_second_order = torch.is_grad_enabled() and asks_gradients and not self.first_order
        for _ in range(num_steps):
            weights = self._after_step(weights, outputs, support_y, is_present, is_second_order)
        return weights

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """Minus the mean log-likelihood of the queries after adapting, which eq. 1 descends.

        In training, the classes of each task get random label slots.
        """
        if self.training and self.answers == "classes":
            check_tasks(tasks, self.network.num_outputs)
            tasks = in_random_slots(tasks, self.network.num_outputs)
        return super().meta_loss(tasks)

    def _stepped_names(self, num_examples: int) -> list[str]:
        """The matrices of which that many examples, those of all steps, are cheaper than a matrix for each task."""
        if self.learns_rates:
            return []
        sizes = {name: self.network.first[name].shape for name in self.network.linear_names}
        return [name for name, size in sizes.items() if num_examples * sum(size) < size.numel()]

    def _after_step(
        self,
        weights: Weights,
        outputs: Callable[[Weights], Tensor],
        y: Tensor,
        is_present_TN: Tensor,
        is_second_order: bool,
    ) -> Weights:
        """The weights one step further down each task's inner loss (section 2.2), of all tasks at once.

        The steps can be differentiated themselves if of second order.
        """
        with torch.enable_grad():
            here = dict(weights)
            for name in self.adapted_names:
                is_constant = not (is_second_order and weights[name].requires_grad)
                if isinstance(weights[name], UpdatedLinear):
                    here[name] = WatchedLinear(weights[name], is_constant=is_constant)
                elif is_constant:
                    here[name] = weights[name].detach().requires_grad_()
            # Tasks share nothing here, so the gradient of the sum holds that of each.
            scale_T = is_present_TN.sum(dim=1) if self.answers == "classes" else 1
            loss = (scale_T * self.losses(outputs(here), y, is_present_TN)).sum()
            adapting = [here[name] for name in self.adapted_names]
            wanted = [weight.written if isinstance(weight, WatchedLinear) else weight for weight in adapting]
            with full_precision(loss):
                found = torch.autograd.grad(loss, wanted, create_graph=is_second_order)
        after = dict(weights)
        for name, weight, gradient in zip(self.adapted_names, adapting, found, strict=True):
            change = -self._rate(name) * gradient
            after[name] = weight.stepped(change) if isinstance(weight, WatchedLinear) else weights[name] + change
        return after

    def _traced(self, weights: Weights, x: Tensor, y: Tensor, is_present_TN: Tensor, num_steps: int) -> Weights:
        """The same inner loop with gradients that are written out, for a graph."""
        for _ in range(num_steps):
            gradients = self.traced_gradients(weights, x, y, is_present_TN)
            count_T = is_present_TN.sum(dim=1) if self.answers == "classes" else x.new_ones(x.shape[0])
            weights = dict(weights)
            for name in self.adapted_names:
                scale = count_T.to(x).view(-1, *[1] * (weights[name].ndim - 1))
                weights[name] = weights[name] - self._rate(name) * scale * gradients[name]
        return weights

    def _rate(self, name: str) -> Tensor | float:
        if self.learns_rates:
            return self.rates[name]
        return self.inner_rate if self.training else self.test_rate
