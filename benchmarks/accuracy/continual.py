"""Continual learning on Omniglot: accuracy on all stages so far, after each stage, for learners of every family.

python benchmarks/accuracy/continual.py [NAME|RUN ...] [--sequences 40] [--picture docs/continual.png] [--stored]

Writes benchmarks/results/continual.json. A sequence has five stages, each with five new characters, one drawing of
each. All stages use the same five labels, so a learner with label slots can read every stage.

An online learner extends its state. MAML goes on with the gradient steps of its inner loop, from the weights that the
stage before left. Plain SGD does the same from random weights; its rate and its number of steps are tuned on sequences
of the training classes. Other learners keep all drawings and adapt to them again, which is a reference: they store the
data.

Letters: T sequences, S examples, N labels.
"""

import itertools
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.distributions import Categorical, Distribution

from measure import stem
from quickstudy.core import Learner, OnlineLearner, UserError
from quickstudy.datasets import DataError
from quickstudy.evaluation import Continues, Forgetting, measure_forgetting, provenance
from quickstudy.evaluation.plots import empty_figure, plain_axes
from quickstudy.learners import MAML
from quickstudy.networks.functional import FunctionalConv4, FunctionalNetwork, Weights
from quickstudy.pretrained import load
from quickstudy.protocols.records import write_json
from quickstudy.sources import omniglot_episodes
from quickstudy.tasks import Layout, TaskSequences

SHIPPED = ("omniglot-snail", "omniglot-mann", "omniglot-maml", "omniglot-protonet")
SGD = "plain SGD"
_STAGES, _WAYS, _QUERIES = 5, 5, 3
_RATES, _STEPS = (0.01, 0.03, 0.1, 0.3), (5, 20)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How many sequences, and where the figures go."""

    out: Path = Path(__file__).parents[1] / "results" / "continual.json"
    """The JSON file to write."""
    sequences: int = 40
    """Sequences for each learner: the same for all."""
    tuning: int = 4
    """Sequences for each setting of plain SGD."""
    seed: int = 0
    """Decides the sequences."""
    data_root: Path | None = None
    """Folder with the data sets, if not in $QUICKSTUDY_DATA or the user cache."""
    picture: Path | None = None
    """A PNG file for the curves."""
    stored: bool = False
    """Measure nothing; show what `out` holds."""


class Descent:
    """Gradient steps on each stage, from the weights that the stage before left.

    Args:
        network: the network, and the weights to begin with.
        rate: the learning rate.
        steps: the steps on a stage, each on all of its examples.
        names: the weights that change. None for all.
    """

    def __init__(self, network: FunctionalNetwork, rate: float, steps: int, names: Iterable[str] | None = None) -> None:
        self.network, self.rate, self.steps = network, rate, steps
        self.names = tuple(network.first if names is None else names)

    def prior(self, num_tasks: int) -> Weights:
        """The weights to begin with."""
        return {name: weight.detach() for name, weight in self.network.weights(num_tasks).items()}

    def extend(self, state: Weights, support_x: Tensor, support_y: Tensor) -> Weights:
        """The weights after the steps on a stage."""
        weights = state
        for _ in range(self.steps):
            with torch.enable_grad():
                here = weights | {name: weights[name].detach().requires_grad_() for name in self.names}
                logits_TSN = self.network(here, support_x)
                losses_TS = F.cross_entropy(logits_TSN.transpose(1, 2), support_y, reduction="none")
                # MAML weighs a task's mean loss by its number of classes.
                loss = logits_TSN.shape[-1] * losses_TS.mean(dim=1).sum()
                gradients = torch.autograd.grad(loss, [here[name] for name in self.names])
            steps = {name: self.rate * gradient for name, gradient in zip(self.names, gradients, strict=True)}
            weights = weights | {name: weights[name] - step for name, step in steps.items()}
        return weights

    def predict(self, state: Weights, query_x: Tensor) -> Distribution:
        """Classes, by the network with these weights."""
        return Categorical(logits=self.network(state, query_x))


class Rereading:
    """Keeps all examples, and adapts a learner to them again for every prediction.

    Args:
        learner: any learner of classes.
    """

    def __init__(self, learner: Learner) -> None:
        self.learner = learner

    def prior(self, num_tasks: int) -> tuple[Tensor, ...]:
        """No examples."""
        return ()

    def extend(self, state: tuple[Tensor, ...], support_x: Tensor, support_y: Tensor) -> tuple[Tensor, ...]:
        """All examples so far."""
        if not state:
            return support_x, support_y
        return torch.cat([state[0], support_x], dim=1), torch.cat([state[1], support_y], dim=1)

    def predict(self, state: tuple[Tensor, ...], query_x: Tensor) -> Distribution:
        """What the learner predicts after reading all examples so far."""
        return self.learner.predict(self.learner.adapt(*state), query_x)


def going_on(learner: Learner) -> tuple[Continues, str]:
    """How a learner goes on learning, and the name of this way."""
    if isinstance(learner, OnlineLearner):
        return learner, "extends its state"
    if isinstance(learner, MAML):
        return Descent(
            learner.network, learner.inner_rate, learner.test_steps, learner.adapted_names
        ), "inner loop goes on"
    return Rereading(learner), "keeps all drawings"


def sequences_of(part: Any, options: Options) -> TaskSequences:
    """Sequences from one part of the data."""
    layout = Layout(ways=_STAGES * _WAYS, shots=1, queries=_QUERIES)
    return TaskSequences(omniglot_episodes("lake", part, layout)(options.data_root), _STAGES, labels="shared")


def tuned_descent(sequences: TaskSequences, options: Options) -> Descent:
    """Plain SGD with the rate and steps that are best on these sequences."""
    torch.manual_seed(options.seed)
    network = FunctionalConv4(_WAYS, head_deviation=0.1)
    tried = [Descent(network, rate, steps) for rate, steps in itertools.product(_RATES, _STEPS)]
    found = [measure_forgetting(each, sequences, options.tuning, options.seed).so_far[-1].mean for each in tried]
    return tried[max(range(len(tried)), key=found.__getitem__)]


def measure(names: list[str], options: Options) -> dict[str, Any]:
    """Everything, as it is stored."""
    sequences = sequences_of("test", options)
    rows: dict[str, Any] = {}
    for name in names:
        print(name, file=sys.stderr, flush=True)
        contender, way = going_on(load(name).eval())
        rows[stem(name)] = {"way": way} | _measured(contender, sequences, options).record()
    print(SGD, file=sys.stderr, flush=True)
    sgd = tuned_descent(sequences_of("train", options), options)
    way = f"rate {sgd.rate}, {sgd.steps} steps on a stage"
    rows[SGD] = {"way": way} | _measured(sgd, sequences, options).record()
    return {
        "benchmark": "continual",
        "protocol": {
            "sequence": f"{_STAGES} stages of {_WAYS} new characters, 1 drawing each; all stages share {_WAYS} labels",
            "images": "test characters of lake, unrotated",
            "accuracy": f"on {_QUERIES} queries for each character; mean over sequences with its 95 % interval",
            "batch statistics": "MAML and plain SGD normalise the queries of a stage among themselves",
            "num_sequences": options.sequences,
            "seed": options.seed,
        },
        "provenance": provenance(),
        "learners": rows,
    }


def _measured(contender: Continues, sequences: TaskSequences, options: Options) -> Forgetting:
    return measure_forgetting(contender, sequences, options.sequences, options.seed)


def draw(path: Path, learners: dict[str, Any]) -> None:
    """Lines: accuracy on all stages so far. Dots: accuracy on the stage just read."""
    figure = empty_figure(6.4, 4)
    axes = plain_axes(figure)
    colours = itertools.cycle(("#3b6fb6", "#c44e52", "#55a868", "#8172b2", "#ccb974", "0.4"))
    for colour, (name, row) in zip(colours, learners.items(), strict=False):
        for key, dashes in (("so_far", "-"), ("when_new", ":")):
            heights = [100 * each["mean"] for each in row[key]]
            label = name if key == "so_far" else None
            axes.plot(range(1, len(heights) + 1), heights, dashes, color=colour, linewidth=1.6, label=label)
    axes.set(xlabel="stages read", ylabel="accuracy, %", ylim=(0, 102), xticks=range(1, _STAGES + 1))
    axes.set_title("All stages so far (lines) and the newest stage (dots)", loc="left", fontsize=10)
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    figure.savefig(path, dpi=150, bbox_inches="tight")


def main(names: Annotated[list[str], tyro.conf.Positional], options: Options) -> int:
    """Measure the weights of these names or run folders; without names, some that come with the package."""
    try:
        if options.stored:
            record = json.loads(options.out.read_text(encoding="utf-8"))
        else:
            record = measure(names or list(SHIPPED), options)
            write_json(options.out, record)
        if options.picture is not None:
            draw(options.picture, record["learners"])
    except (UserError, DataError) as error:
        print(f"continual: {error}", file=sys.stderr)
        return 2
    _print(record["learners"])
    return 0


def _print(learners: dict[str, Any]) -> None:
    table = Table(title="accuracy after the last stage", title_justify="left")
    table.add_column("")
    stages = len(next(iter(learners.values()))["so_far"])
    for heading in (*(f"stage {number + 1}" for number in range(stages)), "all", "forgotten"):
        table.add_column(heading, justify="right")
    for name, row in learners.items():
        cells = [*row["matrix"][-1], row["so_far"][-1], row["forgotten"]]
        table.add_row(name, *(f"{cell['mean']:.1%}" for cell in cells))
    Console().print(table)


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
