"""A learner is f(D_train)(x), in two steps: adapt once, predict many times."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self, final

from torch import Tensor, nn
from torch.distributions import Distribution

from quickstudy.core.tasks import TrainingTasks


class Learner(nn.Module, ABC):
    """Learns tasks from their examples, for a whole batch of tasks at once.

    In eval mode `adapt` and `predict` change nothing. All that they learn is in the state that they return: a
    NamedTuple of tensors whose first dimension is the task.
    """

    order_matters: ClassVar[bool] = False
    """Whether the order of the support changes the prediction. It does if the learner reads a sequence."""
    is_transductive: bool = False
    """Whether the queries of a task change each other's prediction, as with batch statistics at test. If a learner
    can also work without this, it sets the value on the instance."""
    labels_are_slots: ClassVar[bool] = False
    """Whether label i has its own weights. Then relabelling the classes relabels the prediction only on average."""
    input_range: tuple[float, float] | None = None
    """Lowest and highest number of an input, as in training. In eval mode the learner refuses others. Recipes of
    drawings set it to 0 (paper) and 1 (ink). None if any number is valid."""
    clipped_apart: tuple[str, ...] = ()
    """Parts whose gradients are clipped each by itself. Where there are none, the whole gradient is clipped."""
    _without_gradients: tuple[str, ...] = ()

    @abstractmethod
    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> Any:
        """Read the labelled examples once and return the state.

        Args:
            support_x: inputs (T, S, *input).
            support_y: class indices (T, S), or values (T, S, *output).
            support_mask: (T, S), True where an example is real. The rest is padding and changes nothing.
        """

    @abstractmethod
    def predict(self, state: Any, query_x: Tensor) -> Distribution:
        """Predict the answers to queries: a distribution over (T, Q) answers.

        Args:
            state: what `adapt` returned for T tasks.
            query_x: inputs (T, Q, *input).
        """

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """The loss of training: the mean negative log-likelihood of the queries' answers.

        A paper may override this method, and no other.

        Args:
            tasks: the tasks of a training step.
        """
        tasks = tasks.gathered()
        state = self.adapt(tasks.support_x, tasks.support_y)
        return -self.predict(state, tasks.query_x).log_prob(tasks.query_y).mean()

    @property
    def example_shape(self) -> tuple[int, ...] | None:
        """The shape of one input, which is the `image_shape` of the part that reads it first. None if any shape is
        valid.
        """
        first: Any = getattr(self, "encoder", None)
        first = getattr(self, "network", None) if first is None else first
        while isinstance(first, nn.Sequential) and len(first):
            first = first[0]
        return getattr(first, "image_shape", None)

    def switch_gradients_off(self) -> Self:
        """Take the gradients of all parameters away, so that no prediction keeps a graph. `train` switches them on
        again.
        """
        on = tuple(name for name, parameter in self.named_parameters() if parameter.requires_grad)
        self._without_gradients += on
        for name in on:
            self.get_parameter(name).requires_grad_(False)
        return self

    def train(self, mode: bool = True) -> Self:
        """Change to training mode or to eval mode.

        In training mode, the parameters that `switch_gradients_off` changed have gradients again.

        Args:
            mode: True for training mode, False for eval mode.
        """
        if mode:
            for name in self._without_gradients:
                self.get_parameter(name).requires_grad_(True)
            self._without_gradients = ()
        return super().train(mode)

    @final  # type: ignore[misc]
    def forward(self, tasks: TrainingTasks) -> Tensor:
        """The meta-loss. Training calls only `forward`, because distributed wrappers hook it and nothing else.

        Args:
            tasks: the tasks of a training step.
        """
        return self.meta_loss(tasks)


class OnlineLearner(Learner):
    """A learner that can go on learning. `adapt` extends the state that knows no example."""

    @abstractmethod
    def prior(self, num_tasks: int) -> Any:
        """The state before any example was read.

        Args:
            num_tasks: T, the tasks of the state.
        """

    @abstractmethod
    def extend(self, state: Any, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> Any:
        """The state after reading further examples.

        Args:
            state: the state so far, of T tasks.
            support_x: inputs (T, S, *input).
            support_y: class indices (T, S), or values (T, S, *output).
            support_mask: (T, S), True where an example is real. A task may have none.
        """

    @final
    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> Any:
        """Read the labelled examples, starting from the prior.

        Args:
            support_x: inputs (T, S, *input).
            support_y: class indices (T, S), or values (T, S, *output).
            support_mask: (T, S), True where an example is real. The rest is padding and changes nothing.
        """
        # What is no tensor is converted or refused by `extend`. A shape may be symbolic, a length may not.
        if isinstance(support_x, Tensor) and support_x.ndim:
            num_tasks = support_x.shape[0]
        else:
            num_tasks = len(support_x) if hasattr(support_x, "__len__") else 0
        mask = () if support_mask is None else (support_mask,)
        return self.extend(self.prior(num_tasks), support_x, support_y, *mask)
