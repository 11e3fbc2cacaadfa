"""The one idea: a learner is f(D_train)(x), in two steps. Adapt once, predict many."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self, final

from torch import Tensor, nn
from torch.distributions import Distribution

from quickstudy.core.tasks import TrainingTasks


class Learner(nn.Module, ABC):
    """Learns tasks by reading their examples, for a whole batch of tasks at once.

    In eval mode `adapt` and `predict` are pure: all they find out is in the state they return,
    a NamedTuple of tensors that lead with the task dimension.
    """

    order_matters: ClassVar[bool] = False
    """The order of the support changes the prediction: the learner reads a sequence."""
    is_transductive: bool = False
    """Queries of a task see each other, as with batch statistics at test. A learner that is transductive can do
    without, and sets this on itself."""
    labels_are_slots: ClassVar[bool] = False
    """Label i has weights of its own, so relabelling is exact only on average."""
    input_range: tuple[float, float] | None = None
    """What every number of an input lies between, as in training: in eval mode others are refused. Recipes of drawings
    set it to 0 and 1, paper and ink. None if any number will do."""
    _without_gradients: tuple[str, ...] = ()

    @abstractmethod
    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> Any:
        """Read the labelled examples, (T, S, *input) and (T, S) or (T, S, *output), once.

        support_mask (T, S) is True where an example is real: the rest is padding, and changes nothing.
        """

    @abstractmethod
    def predict(self, state: Any, query_x: Tensor) -> Distribution:
        """Answer queries (T, Q, *input): a distribution over (T, Q) answers."""

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """What training lowers: the mean negative log-likelihood of the queries' answers.

        The one method a paper may override.
        """
        tasks = tasks.gathered()
        state = self.adapt(tasks.support_x, tasks.support_y)
        return -self.predict(state, tasks.query_x).log_prob(tasks.query_y).mean()

    @property
    def example_shape(self) -> tuple[int, ...] | None:
        """The shape of one input, if what reads it first says so by an `image_shape`; None if any will do."""
        first: Any = getattr(self, "encoder", None)
        first = getattr(self, "network", None) if first is None else first
        while isinstance(first, nn.Sequential) and len(first):
            first = first[0]
        return getattr(first, "image_shape", None)

    def switch_gradients_off(self) -> Self:
        """Answer without gradients of the parameters, so that no answer keeps its graph; `train` switches them on."""
        on = tuple(name for name, parameter in self.named_parameters() if parameter.requires_grad)
        self._without_gradients += on
        for name in on:
            self.get_parameter(name).requires_grad_(False)
        return self

    def train(self, mode: bool = True) -> Self:
        """Go to training mode, with gradients of all parameters that `switch_gradients_off` took; or to eval mode."""
        if mode:
            for name in self._without_gradients:
                self.get_parameter(name).requires_grad_(True)
            self._without_gradients = ()
        return super().train(mode)

    @final  # type: ignore[misc]
    def forward(self, tasks: TrainingTasks) -> Tensor:
        """The only door for training: distributed wrappers hook `forward` and nothing else."""
        return self.meta_loss(tasks)


class OnlineLearner(Learner):
    """A learner that can go on learning: adapting is extending the state of knowing nothing."""

    @abstractmethod
    def prior(self, num_tasks: int) -> Any:
        """The state before any example was read."""

    @abstractmethod
    def extend(self, state: Any, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> Any:
        """The state after reading further examples, (T, S, *input) and (T, S) or (T, S, *output).

        Those are real where support_mask (T, S) is True; a task may have none.
        """

    @final
    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> Any:
        """Read the labelled examples, those where support_mask (T, S) is True, starting from the prior."""
        num_tasks = len(support_x) if hasattr(support_x, "__len__") else 0  # What is none is refused by `extend`.
        mask = () if support_mask is None else (support_mask,)
        return self.extend(self.prior(num_tasks), support_x, support_y, *mask)
