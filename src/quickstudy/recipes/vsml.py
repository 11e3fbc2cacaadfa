"""VSML: small tasks on which its cells learn to learn (Kirsch and Schmidhuber, 2021), then characters of 7×7 pixels."""

from dataclasses import dataclass
from typing import Any

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import VSML
from quickstudy.networks.pooled_pixels import PooledPixels
from quickstudy.networks.shared_cells import DenseCells, SharedCell, dense_cells
from quickstudy.sources import INK, EpisodeCharacters
from quickstudy.tasks import Layout, PrototypeLayout, Prototypes


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The cell that all connections share, and when they learn of errors."""

    message_size: int = 8
    """Numbers of a message."""
    state_size: int = 16
    """Numbers of a cell's state."""
    gate_offset: float = 5.0
    """Keeps the state nearly frozen at first; a lower one leaves chance sooner."""
    micro_ticks: int = 1
    """Updates of a cell for each message."""
    backward_pass: bool = True
    """Send the error down at once; otherwise it comes with the next example, when the cell reads another input."""
    feed_label: bool = True
    """Give the label to the last layer, beside the error."""

    def cell(self) -> SharedCell:
        """A new cell."""
        return SharedCell(
            self.message_size, self.state_size, gate_offset=self.gate_offset, micro_ticks=self.micro_ticks
        )

    def error(self) -> dict[str, Any]:
        """The learner's options."""
        return {"backward_pass": self.backward_pass, "feed_label": self.feed_label}


def prototypes_vsml(
    *,
    inputs: int = 6,
    ways: int = 2,
    support: int = 39,
    noise: float = 0.5,
    hidden: int | None = None,
    cells: Cells = Cells(),
    optimisation: Optimisation = Optimisation(
        steps=600, tasks_per_step=32, learning_rate=1e-2, gradient_clip=1.0, average_decay=0.99
    ),
) -> Experiment:
    """VSML on classes that are points with noise around them. It stays at chance for some 50 steps, then learns.

    Args:
        inputs: Numbers of an input.
        ways: Classes of a task.
        support: Examples of a task before the query.
        noise: Standard deviation of an example around its prototype.
        hidden: Units of a hidden layer; None has no such layer.
        cells: The shared cell.
        optimisation: Optimiser and schedule.
    """
    tasks = Prototypes(PrototypeLayout(inputs, ways, support, 1, noise))
    few = Prototypes(tasks.layout._replace(support=4))
    learner = VSML(_dense(inputs, hidden, ways), cells.cell(), **cells.error())
    return Experiment(
        learner=learner,
        train=lambda _: tasks,
        validation=lambda _: tasks,
        test={
            "after 4 examples": lambda _: few,
            f"after {support} examples": lambda _: tasks,
        },
        optimisation=optimisation,
        validate_every=100,
        validation_tasks=1000,
    )


def omniglot_vsml(
    *,
    ways: int = 10,
    shots: int = 5,
    queries: int = 1,
    side: int = 7,
    hidden: int | None = None,
    cells: Cells = Cells(),
    characters: EpisodeCharacters = EpisodeCharacters(),
    optimisation: Optimisation = Optimisation(
        steps=1_500, tasks_per_step=4, learning_rate=3e-3, gradient_clip=1.0, average_decay=0.99
    ),
) -> Experiment:
    """VSML on Omniglot at a quarter of its resolution. It starts from the cell that learnt on prototypes.

    Args:
        ways: Classes of an episode, in training and in test.
        shots: Support drawings of each class, in random order.
        queries: Queries of each class.
        side: Side of the pooled images in pixels.
        hidden: Units of a hidden layer; None has no such layer.
        cells: The shared cell.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    encoder = PooledPixels((1, 28, 28), side, mean=0.08, deviation=0.14)
    tests = {f"{ways}-way {few}-shot": Layout(ways, few, 10) for few in sorted({1, 5, shots})}
    return Experiment(
        learner=VSML(_dense(encoder.num_features, hidden, ways), cells.cell(), encoder=encoder, **cells.error()),
        train=characters.training(Layout(ways, shots, queries)),
        validation=characters.validation(Layout(ways, shots, 2)),
        test=characters.tests(tests),
        optimisation=optimisation,
        starts_from="prototypes-vsml",
        validate_every=100,
        validation_tasks=30,
        input_range=INK,
        data="omniglot",
    )


def _dense(inputs: int, hidden: int | None, ways: int) -> tuple[DenseCells, ...]:
    return dense_cells(*filter(None, (inputs, hidden, ways)))
