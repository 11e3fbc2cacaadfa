"""Identical sensory agents as a few-shot learner on Omniglot, whose inputs are shuffled in mid-episode.

python benchmarks/accuracy/shuffled_sensors.py [--picture docs/shuffled_sensors.png] [--steps 300] [--out FILE]

Writes benchmarks/results/shuffled_sensors.json. Two encoders are trained in the same way, as Prototypical Networks on
5-way tasks, and neither sees a shuffle in training. In one, identical agents see a patch each. The other is dense: it
reads the same patches in their order. In the test a learner reads one example of each class after another, up to six.
After the third, the patches are shuffled, anew for each further example and query.

Letters: T tasks, S examples, Q queries, N ways, P patches.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import Tensor, nn

from quickstudy.core import Learner, TaskDistribution, Tasks
from quickstudy.datasets import DataError
from quickstudy.evaluation import Interval, provenance
from quickstudy.evaluation.plots import empty_figure, plain_axes
from quickstudy.learners import ProtoNet
from quickstudy.networks.sensory_agents import Patches, SensoryAgents, shuffled
from quickstudy.protocols.records import write_json
from quickstudy.sources import omniglot_episodes
from quickstudy.tasks import Layout

_SIDE, _STRIDE, _PIXELS = 10, 6, 28
_WAYS, _SHOTS, _BEFORE = 5, 6, 3
"""Classes; examples of each class in a test; how many of them come before the shuffle."""
_TASKS_PER_STEP, _AT_ONCE = 4, 20


@dataclass(frozen=True, kw_only=True)
class Options:
    """How long to train, on how many tasks to test, and where the figures go."""

    out: Path = Path(__file__).parents[1] / "results" / "shuffled_sensors.json"
    """The JSON file to write."""
    steps: int = 300
    """Steps of training for each encoder."""
    tasks: int = 100
    """Tasks of the test."""
    learning_rate: float = 3e-3
    """The rate of Adam at the start; it falls to zero."""
    seed: int = 0
    """Decides the weights and the tasks."""
    data_root: Path | None = None
    """Folder with the data sets, if not in $QUICKSTUDY_DATA or the user cache."""
    picture: Path | None = None
    """A PNG file for the curves."""


def contenders() -> dict[str, Learner]:
    """Prototypical Networks over what agents or a dense network make of patches (T, E, P, F)."""
    num_seen, per_side = _SIDE**2, (_PIXELS - _SIDE) // _STRIDE + 1
    dense = nn.Sequential(nn.Flatten(-2), nn.Linear(num_seen * per_side**2, 128), nn.ReLU(), nn.Linear(128, 128))
    return {"identical agents": ProtoNet(SensoryAgents(num_seen)), "dense network": ProtoNet(dense)}


def patched(tasks: Tasks) -> Tasks:
    """The same tasks, with patches (T, E, P, F) in place of images."""
    cut = Patches(_SIDE, _STRIDE)
    return tasks._replace(support_x=cut(tasks.support_x), query_x=cut(tasks.query_x))


def train(learner: Learner, tasks: TaskDistribution, options: Options) -> None:
    """Train a learner on tasks whose patches are in their order."""
    optimiser = torch.optim.Adam(learner.parameters(), lr=options.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, options.steps))
    generator = torch.Generator().manual_seed(options.seed)
    learner.train()
    for step in range(options.steps):
        loss = learner(patched(tasks.sample(_TASKS_PER_STEP, generator)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 50 == 0:
            print(f"step {step}  loss {loss.item():.3f}", file=sys.stderr, flush=True)
    learner.eval()


@torch.no_grad()
def examined(learner: Learner, tasks: Tasks, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """What happens after each example of a class: accuracies (T, shots) without and with the shuffle, and the change.

    The change (shots,) is the largest difference that the shuffle makes to a probability.
    """
    order_TS = tasks.support_y.argsort(dim=1, stable=True).view(-1, _WAYS, _SHOTS).transpose(1, 2).flatten(1)
    task_T1 = torch.arange(len(order_TS))[:, None]
    x, y = tasks.support_x[task_T1, order_TS], tasks.support_y.gather(1, order_TS)  # One of each class, then the next.
    first = _BEFORE * _WAYS
    mixed_x = torch.cat([x[:, :first], shuffled(x[:, first:], generator)], dim=1)
    mixed_query = shuffled(tasks.query_x, generator)
    usual, other, changes = [], [], []
    for shots in range(1, _SHOTS + 1):
        is_after = shots > _BEFORE
        read = shots * _WAYS
        plain: Any = learner.predict(learner.adapt(x[:, :read], y[:, :read]), tasks.query_x)
        query = mixed_query if is_after else tasks.query_x
        mixed: Any = learner.predict(learner.adapt(mixed_x[:, :read], y[:, :read]), query)
        usual.append((plain.logits.argmax(dim=-1) == tasks.query_y).double().mean(dim=1))
        other.append((mixed.logits.argmax(dim=-1) == tasks.query_y).double().mean(dim=1))
        changes.append((plain.probs - mixed.probs).abs().max())
    return torch.stack(usual, dim=1), torch.stack(other, dim=1), torch.stack(changes)


def measure(learner: Learner, tasks: TaskDistribution, options: Options) -> dict[str, Any]:
    """Accuracy by examples of each class that were read, in the usual order and with the shuffle."""
    generator = torch.Generator().manual_seed(options.seed + 1)
    found = [
        examined(learner, patched(tasks.sample(min(_AT_ONCE, options.tasks - start), generator)), generator)
        for start in range(0, options.tasks, _AT_ONCE)
    ]
    usual_TS, other_TS = torch.cat([each[0] for each in found]), torch.cat([each[1] for each in found])
    return {
        "in order": [Interval.over(values).record() for values in usual_TS.unbind(dim=1)],
        "shuffled": [Interval.over(values).record() for values in other_TS.unbind(dim=1)],
        "largest change of a probability": float(torch.stack([each[2] for each in found]).max()),
    }


def draw(path: Path, learners: dict[str, Any]) -> None:
    """Accuracy by examples read: lines in order, dashes with the shuffle."""
    figure = empty_figure(6.4, 4)
    axes = plain_axes(figure)
    shots = range(1, _SHOTS + 1)
    for colour, (name, row) in zip(("#3b6fb6", "#c44e52"), learners.items(), strict=True):
        for key, dashes in (("in order", "-"), ("shuffled", "--")):
            heights = [100 * each["mean"] for each in row[key]]
            axes.plot(shots, heights, dashes, color=colour, linewidth=1.8, label=f"{name}, {key}")
    axes.axhline(100 / _WAYS, color="0.6", linestyle=":", linewidth=1)
    axes.axvline(_BEFORE + 0.5, color="0.6", linewidth=1)
    axes.annotate("shuffled from here", (_BEFORE + 0.55, 3), color="0.4", fontsize=8)
    axes.set(xlabel="examples of each class that were read", ylabel="accuracy, %", ylim=(0, 100), xticks=list(shots))
    axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 0.22))
    figure.savefig(path, dpi=150, bbox_inches="tight")


def main(options: Options) -> int:
    """Train both encoders, measure them on new characters, and write the figures."""
    try:
        train_tasks = omniglot_episodes("lake", "train", Layout(_WAYS, 1, 3))(options.data_root)
        test_tasks = omniglot_episodes("lake", "test", Layout(_WAYS, _SHOTS, 5))(options.data_root)
    except DataError as error:
        print(f"shuffled_sensors: {error}", file=sys.stderr)
        return 2
    torch.manual_seed(options.seed)
    rows = {}
    for name, learner in contenders().items():
        start = time.process_time()
        train(learner, train_tasks, options)
        seconds = round(time.process_time() - start, 1)
        rows[name] = {
            "parameters": sum(parameter.numel() for parameter in learner.parameters()),
            "training CPU seconds": seconds,
        } | measure(learner, test_tasks, options)
    protocol = {
        "tasks": f"{_WAYS}-way on the test characters of lake, unrotated; 5 queries a class",
        "patches": f"{_SIDE}×{_SIDE} pixels, one every {_STRIDE}",
        "shuffle": f"after {_BEFORE} of {_SHOTS} examples of each class, a new order for each example and query",
        "steps": options.steps,
        "num_tasks": options.tasks,
        "seed": options.seed,
    }
    about = {"benchmark": "shuffled_sensors", "protocol": protocol, "provenance": provenance()}
    write_json(options.out, {**about, "learners": rows})
    if options.picture is not None:
        draw(options.picture, rows)
    for name, row in rows.items():
        ends = [f"{row[key][-1]['mean']:.1%}" for key in ("in order", "shuffled")]
        change = row["largest change of a probability"]
        print(f"{name}: in order {ends[0]}, shuffled {ends[1]}, largest change {change:.1e}")
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(main(tyro.cli(Options, description=__doc__, config=config)))
