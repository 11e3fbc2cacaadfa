"""Reptile: move the weights towards where training on each task leads.

Nichol, Achiam and Schulman, "On First-Order Meta-Learning Algorithms" (2018), Algorithms 1 and 2.

What differs from the paper: the tasks of a step are trained on at once, and Adam's second moments, which go on from
task to task, go on from their mean; without transduction the support is not normalised beside each query (see
`Beside`); labels are slots.

Letters: T tasks, E examples of any kind, N outputs, B examples of a mini-batch.
"""

import functools
from typing import Literal

import torch
from torch import Tensor

from quickstudy.core import TrainingTasks, check_tasks, in_random_slots
from quickstudy.core.tracing import is_traced
from quickstudy.learners._inner_loops import AdaptedState, Answers, InnerLoopLearner
from quickstudy.networks.functional import HEAD, FunctionalNetwork, Weights

ReptileState = AdaptedState

_DECAY = 0.999  # Adam's β₂; its β₁ is zero, so it has no momentum.
_EPSILON = 1e-8


class Reptile(InnerLoopLearner):
    """Trains all weights on a task, and learns from the weights that this leads to.

    Mini-batches go through the examples without replacement, in a new order each time; in eval mode the orders are
    always the same. The gradient of `meta_loss` is φ − φ̃, the weights minus the weights after training on a task. So
    the outer optimiser should be SGD; its learning rate is the paper's ε.

    Args:
        network: Network whose weights are adapted.
        answers: What it predicts: classes or values.
        inner_optimiser: Adam without momentum, as in the paper's figures, or gradient descent, as in its theory.
        inner_rate: Learning rate on a task.
        head_rate: Learning rate of the last layer on a task; None takes the inner rate.
        inner_steps: Steps on a task in training, on its support and queries.
        batch_size: Examples in one of these steps.
        test_steps: Steps on the support in eval mode.
        test_batch_size: Examples in one of these steps.
        is_transductive: Normalise queries among themselves; switched off, each query with the support alone.

    Raises:
        ValueError: if there is no such optimiser, or a number of steps or the size of a mini-batch is below one.
    """

    order_matters = True
    num_updates: Tensor

    def __init__(
        self,
        network: FunctionalNetwork,
        *,
        answers: Answers = "classes",
        inner_optimiser: Literal["adam", "sgd"] = "adam",
        inner_rate: float = 1e-3,
        head_rate: float | None = None,
        inner_steps: int = 5,
        batch_size: int = 10,
        test_steps: int = 50,
        test_batch_size: int = 5,
        is_transductive: bool = True,
    ) -> None:
        super().__init__(network, answers, is_transductive)
        if inner_optimiser not in ("adam", "sgd"):
            raise ValueError(f"inner_optimiser is {inner_optimiser!r}, but adam or sgd was expected.")
        if min(inner_steps, test_steps, batch_size, test_batch_size) < 1:
            raise ValueError("Steps and mini-batches of less than one were given, but training takes one at least.")
        self.inner_optimiser, self.inner_rate = inner_optimiser, inner_rate
        self.head_rate = inner_rate if head_rate is None else head_rate
        self.inner_steps, self.batch_size = inner_steps, batch_size
        self.test_steps, self.test_batch_size = test_steps, test_batch_size
        if inner_optimiser == "adam":
            self.register_buffer("num_updates", torch.zeros(()))
            for name, weight in network.first.items():
                self.register_buffer(f"square_{name}", torch.zeros_like(weight))

    @property
    def adapted_names(self) -> tuple[str, ...]:
        """Which of the network's weights are trained for each task: all."""
        return tuple(self.network.first)

    def adapted(self, support_x: Tensor, support_y: Tensor, is_present: Tensor, most_examples: int) -> Weights:
        """The network's weights after training on the support."""
        weights, *_ = self._trained(support_x, support_y, is_present, self.test_steps, self.test_batch_size)
        return weights

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """The mean of the inner losses during training; its gradient is φ − φ̃, the mean over tasks.

        In training, the classes of each task get random label slots.
        """
        if self.answers == "classes":
            check_tasks(tasks, self.network.num_outputs)
            if self.training:
                tasks = in_random_slots(tasks, self.network.num_outputs)
        tasks = tasks.gathered()
        x, y = torch.cat([tasks.support_x, tasks.query_x], dim=1), torch.cat([tasks.support_y, tasks.query_y], dim=1)
        x, y, _ = self._read(x, y)
        weights, squares, loss = self._trained(x, y, self._present(y), self.inner_steps, self.batch_size)
        if self.training and squares:
            self._keep(squares)
        first = self.network.first
        surrogate = torch.stack(
            [(first[name] * (first[name].detach() - weights[name].mean(dim=0))).sum() for name in self.adapted_names]
        ).sum()
        if self.log_deviation is not None:  # No weight of the network: it follows the inner errors by its likelihood.
            surrogate = surrogate + (self.log_deviation + 0.5 * loss * (-2 * self.log_deviation).exp()).mean()
        return loss + surrogate - surrogate.detach()

    @torch.no_grad()
    def _trained(
        self, x: Tensor, y: Tensor, is_present_TN: Tensor, steps: int, batch_size: int
    ) -> tuple[Weights, Weights, Tensor]:
        """The weights after training (φ̃), Adam's second moments, and the mean loss on the way."""
        weights = self.network.weights(x.shape[0])
        squares: Weights = {}
        if self.inner_optimiser == "adam":
            squares = {name: getattr(self, f"square_{name}").expand_as(weights[name]) for name in weights}
        task_T1 = torch.arange(x.shape[0], device=x.device)[:, None]
        losses = []
        for step, index_TB in enumerate(self._mini_batches(x, steps, batch_size), start=1):
            gradients, loss = self._gradients(weights, x[task_T1, index_TB], y[task_T1, index_TB], is_present_TN)
            losses.append(loss)
            for name, gradient in gradients.items():
                if squares:
                    squares[name] = squares[name].lerp(gradient.square(), 1 - _DECAY)
                    correction = 1 - _DECAY ** (self.num_updates + step)
                    gradient = gradient / ((squares[name] / correction).sqrt() + _EPSILON)
                weights[name] = weights[name] - (self.head_rate if name in HEAD else self.inner_rate) * gradient
        return weights, squares, torch.stack(losses).mean()

    def _gradients(self, weights: Weights, x: Tensor, y: Tensor, is_present_TN: Tensor) -> tuple[Weights, Tensor]:
        """Of each task's loss on its mini-batch, and the mean of those losses."""
        if is_traced():
            return self.traced_gradients(weights, x, y, is_present_TN), x.new_zeros(())
        here = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
        with torch.enable_grad():
            losses_T = self.losses(self.network(here, x), y, is_present_TN)
            found = torch.autograd.grad(losses_T.sum(), list(here.values()))  # Tasks share nothing here.
        return dict(zip(here, found, strict=True)), losses_T.detach().mean()

    def _mini_batches(self, x: Tensor, steps: int, size: int) -> tuple[Tensor, ...]:
        """For each step, which examples (T, B) of each task."""
        num_tasks, num_examples = x.shape[:2]
        size = min(size, num_examples)
        rounds = -(-steps * size // num_examples)
        if self.training:
            key = torch.rand(num_tasks, rounds, num_examples, device=x.device)
        else:  # So that the predictions depend on nothing but support and queries, on any device.
            order_E = torch.tensor(_fixed_order(int(rounds), int(num_examples)), device=x.device)
            return order_E.expand(num_tasks, -1)[:, : steps * size].split(int(size), dim=1)
        order_TE = key.argsort(dim=2).flatten(1)
        return order_TE[:, : steps * size].split(size, dim=1)

    def _keep(self, squares: Weights) -> None:
        for name, square in squares.items():
            getattr(self, f"square_{name}").copy_(square.mean(dim=0))
        self.num_updates += self.inner_steps


@functools.lru_cache(maxsize=64)  # A graph, in which no number is drawn, takes it from here.
def _fixed_order(rounds: int, num_examples: int) -> tuple[int, ...]:
    """The examples of so many rounds, each in an order of its own."""
    key = torch.rand(rounds, num_examples, generator=torch.Generator().manual_seed(0))
    return tuple(key.argsort(dim=1).flatten().tolist())
