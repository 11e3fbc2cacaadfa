"""The two graphs of a learner: from a support to a state, and from a state and queries to a prediction.

A state is flat in a graph: its tensors in order, with names of their own. A graph of a classifier has the classes as an
input, 0 to N − 1, because a number of classes that is read from the labels would be a number of one task.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Categorical
from torch.export import Dim, ExportedProgram, export

from quickstudy.core import Learner, UserError, leaves, map_state
from quickstudy.core.tracing import traced


class Sizes(NamedTuple):
    """Numbers of the tasks that a graph is traced with. A graph that loops over examples is for these alone."""

    tasks: int = 2
    """T, tasks of a batch."""
    ways: int = 5
    """N, classes of a task."""
    shots: int = 2
    """K, support examples of each class."""
    queries: int = 7
    """Q, queries of a task."""


SIZES = Sizes()

_FEATURES = 6
"""D, numbers of a row to trace with. No other size is six, which a graph could confuse with it."""


class Example(NamedTuple):
    """Inputs of both graphs."""

    support_x: Tensor
    """(T, S, *input): the examples to learn from."""
    support_y: Tensor
    """(T, S) class indices, or (T, S, Y) values."""
    classes: Tensor | None
    """(N,), 0 to N − 1; None where values are predicted."""
    query_x: Tensor
    """(T, Q, *input)."""

    @property
    def adapting(self) -> tuple[Tensor, ...]:
        """Inputs of the graph that adapts."""
        return (self.support_x, self.support_y, *(() if self.classes is None else (self.classes,)))


class Adapt(nn.Module):
    """From a support to the tensors of a state.

    Args:
        learner: The learner, in eval mode.
    """

    def __init__(self, learner: Learner) -> None:
        super().__init__()
        self.learner = learner

    def forward(self, support_x: Tensor, support_y: Tensor, classes: Tensor | None = None) -> tuple[Tensor, ...]:
        """The state's tensors, in order.

        Args:
            support_x: Inputs (T, S, *input).
            support_y: Class indices (T, S), or values (T, S, Y).
            classes: (N,), 0 to N − 1; None where values are predicted.
        """
        with traced(0 if classes is None else classes.shape[0]):
            return tuple(leaf.contiguous() for leaf in leaves(self.learner.adapt(support_x, support_y)))


class Predict(nn.Module):
    """From the tensors of a state, and queries, to the numbers of a prediction.

    Args:
        learner: The learner, in eval mode.
        state: A state of it, which gives the structure.
    """

    def __init__(self, learner: Learner, state: Any) -> None:
        super().__init__()
        self.learner, self.like = learner, state

    def forward(self, state: Sequence[Tensor], query_x: Tensor) -> tuple[Tensor, ...]:
        """Log-probabilities (T, Q, N), or means and deviations (T, Q, Y).

        Args:
            state: The tensors of a state, in order.
            query_x: Inputs (T, Q, *input).
        """
        with traced():
            return numbers_of(self.learner.predict(_rebuilt(self.like, iter(state)), query_x))


class Graphs(NamedTuple):
    """Both graphs, and what belongs to them."""

    adapt: ExportedProgram
    """From a support to the tensors of a state."""
    predict: ExportedProgram
    """From the tensors of a state, and queries, to a prediction."""
    example: Example
    """The inputs that they were traced with."""
    state: tuple[Tensor, ...]
    """The state that they were traced with."""
    state_names: tuple[str, ...]
    """Names of the state's tensors."""
    outputs: tuple[str, ...]
    """Names of the prediction's numbers."""


def numbers_of(prediction: Any) -> tuple[Tensor, ...]:
    """The numbers that say all of a prediction: log-probabilities, or means and deviations.

    Args:
        prediction: A categorical distribution, or one with a mean and a deviation.
    """
    if isinstance(prediction, Categorical):
        return (prediction.logits,)
    return prediction.mean, prediction.stddev


def trace(learner: Learner, sizes: Sizes = SIZES) -> Graphs:
    """Trace a learner. Where a graph cannot leave the number of tasks open, it is for one task.

    Args:
        learner: The learner; it is put into eval mode.
        sizes: Numbers of the tasks to trace with.

    Raises:
        UserError: if the learner reads something else than images or curves, or cannot be traced.
    """
    learner.eval()
    try:
        graphs = _traced(learner, sizes)
        if not _is_open(graphs.adapt) and sizes.tasks != 1:
            graphs = _traced(learner, sizes._replace(tasks=1))
    except UserError as error:
        raise UserError(
            f"{type(learner).__name__} reads other tasks than graphs are made for: images, rows or curves, each query "
            f"by itself. An example of these was refused: {error}"
        ) from error
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"{type(learner).__name__} cannot be traced to a graph: {reason}. Use it through quickstudy.load."
        ) from error
    return graphs


def make_example(learner: Learner, sizes: Sizes, seed: int = 0) -> Example:
    """Inputs of random numbers.

    Args:
        learner: Decides the shape of an input.
        sizes: Numbers of tasks, ways, shots and queries.
        seed: Decides the numbers.

    Raises:
        UserError: if the shape of its inputs is not known.
    """
    generator, tasks = torch.Generator().manual_seed(seed), sizes.tasks
    of_values: Any = getattr(learner, "sizes", None)
    if of_values is not None:
        inputs, values = of_values
        inputs = inputs or _FEATURES
        points = sizes.ways * sizes.shots
        drawn = torch.rand(tasks, points + sizes.queries, inputs + values, generator=generator)
        x, y = drawn[..., :inputs], drawn[:, :points, inputs:]
        return Example(x[:, :points].contiguous(), y.contiguous(), None, x[:, points:].contiguous())
    shape = learner.example_shape or ((_FEATURES,) if _reads_rows(learner) else (1, 28, 28))
    classes = torch.arange(sizes.ways)
    support_y = classes.repeat(sizes.shots).expand(tasks, -1).contiguous()
    support_x = torch.rand(*support_y.shape, *shape, generator=generator)
    return Example(support_x, support_y, classes, torch.rand(tasks, sizes.queries, *shape, generator=generator))


def _reads_rows(learner: Learner) -> bool:
    """Whether a learner reads rows of any length: it has no part that reads images first."""
    return learner.input_range is None and not hasattr(learner, "encoder") and not hasattr(learner, "network")


def _traced(learner: Learner, sizes: Sizes) -> Graphs:
    example, automatic = make_example(learner, sizes), Dim.AUTO
    with traced(sizes.ways), torch.no_grad():
        like = map_state(lambda leaf: leaf.contiguous(), learner.adapt(example.support_x, example.support_y))
        outputs = numbers_of(learner.predict(like, example.query_x))
    state = tuple(leaves(like))
    is_of_rows = example.query_x.ndim == 3 and example.query_x.shape[2] > 1
    of_query = dict.fromkeys(range(2 + is_of_rows), automatic)  # Rows may have any length.
    by_input = (of_query, {0: automatic, 1: automatic}, {0: automatic})
    with torch.no_grad():
        adapt = export(Adapt(learner), example.adapting, dynamic_shapes=by_input[: len(example.adapting)], strict=False)
        shapes = tuple(dict.fromkeys(range(leaf.ndim), automatic) for leaf in state)
        predict = export(
            Predict(learner, like),
            (state, example.query_x),
            dynamic_shapes=(shapes, of_query),
            strict=False,
        )
    names = ("log_probabilities",) if len(outputs) == 1 else ("mean", "deviation")
    return Graphs(adapt, predict, example, state, tuple(f"state_{index}" for index in range(len(state))), names)


def _is_open(program: ExportedProgram) -> bool:
    """Whether a graph leaves the number of tasks open."""
    first = next(node for node in program.graph.nodes if node.name == program.graph_signature.user_inputs[0])
    return not str(first.meta["val"].shape[0]).isdigit()  # A fixed number may still be symbolic.


def _rebuilt(like: Any, tensors: Iterator[Tensor]) -> Any:
    if isinstance(like, Tensor):
        return next(tensors)
    parts = [_rebuilt(part, tensors) for part in like]
    return type(like)(*parts) if hasattr(like, "_fields") else tuple(parts)
