"""The one idea: a learner is f(D_train)(x), in two steps. Adapt once, predict many."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, final

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

    @abstractmethod
    def adapt(self, support_x: Tensor, support_y: Tensor) -> Any:
        """Read the labelled examples, (T, S, *input) and (T, S) or (T, S, *output), once."""

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
    def extend(self, state: Any, support_x: Tensor, support_y: Tensor) -> Any:
        """The state after reading further examples, (T, S, *input) and (T, S) or (T, S, *output)."""

    @final
    def adapt(self, support_x: Tensor, support_y: Tensor) -> Any:
        """Read the labelled examples, starting from the prior."""
        return self.extend(self.prior(support_x.shape[0]), support_x, support_y)
