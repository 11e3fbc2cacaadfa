"""How often learners of fast weights name a class that they saw once, where classes are Gaussian.

python benchmarks/accuracy/gaussian_classes.py [--learners srwm delta-net] [--steps 2000] [--out FILE]

A task has five classes, each around a mean drawn from N(0, I) of 16 numbers; examples lie around it with a deviation of
0.4. Every task has new classes, so only the support says which is which. Chance is 0.2; the nearest neighbour is
nearly always right.

Letters: T tasks, S support examples, Q queries.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import tyro

from quickstudy.core import Learner, Tasks
from quickstudy.evaluation import Interval, provenance
from quickstudy.learners import SRWM, DeltaNet, Nearest
from quickstudy.networks.delta_rule import Rule
from quickstudy.protocols.records import write_json

Name = Literal["srwm", "delta-net", "linear"]
_WAYS, _NUMBERS, _NOISE = 5, 16, 0.4
_CHANNELS, _HIDDEN = 64, 256


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to train, for how long, and where to leave the figures."""

    learners: tuple[Name, ...] = ("srwm", "delta-net")
    """Learners to train, one after another."""
    steps: int = 2000
    """Steps of a training."""
    tasks_per_step: int = 64
    """Tasks of one step."""
    learning_rate: float = 1e-3
    """Learning rate of Adam."""
    tests: int = 2000
    """Tasks of the test."""
    seed: int = 0
    """Decides first weights and tasks."""
    out: Path = Path(__file__).parents[1] / "results" / "gaussian_classes.json"
    """The JSON file to write."""


def draw(num_tasks: int, generator: torch.Generator) -> Tasks:
    """Tasks of one example of each class, in random order, and one query of each."""
    means = torch.randn(num_tasks, _WAYS, _NUMBERS, generator=generator)
    support, query = (means + _NOISE * torch.randn(means.shape, generator=generator) for _ in range(2))
    order = torch.rand(num_tasks, _WAYS, generator=generator).argsort(dim=1)
    shuffled = support.gather(1, order[..., None].expand_as(support))
    return Tasks(shuffled, order, query, torch.arange(_WAYS).expand(num_tasks, -1))


def build(name: Name) -> Learner:
    """A learner of this name, not trained."""
    if name == "srwm":
        return SRWM(_NUMBERS, max_ways=_WAYS, channels=_CHANNELS, num_heads=4, hidden=_HIDDEN)
    rule: Rule = "sum" if name == "linear" else "delta"
    return DeltaNet(_NUMBERS, max_ways=_WAYS, channels=_CHANNELS, num_heads=8, hidden=_HIDDEN, rule=rule)


def train(name: Name, options: Options) -> Learner:
    """A learner, trained on new tasks in every step."""
    torch.manual_seed(options.seed)
    learner, generator = build(name).train(), torch.Generator().manual_seed(options.seed)
    optimiser = torch.optim.Adam(learner.parameters(), lr=options.learning_rate, betas=(0.9, 0.995))
    for _ in range(options.steps):
        optimiser.zero_grad()
        learner(draw(options.tasks_per_step, generator)).backward()
        optimiser.step()
    return learner.eval()


def accuracy(learner: Learner, tasks: Tasks) -> Interval:
    """The share of queries that are named rightly, over tasks."""
    with torch.no_grad():
        prediction: Any = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)
    return Interval.over((prediction.probs.argmax(dim=-1) == tasks.query_y).double().mean(dim=1))


def main(options: Options = Options()) -> int:
    """Train the learners, and write their accuracies beside the nearest neighbour's."""
    if options.tests < 2 or options.steps < 0:
        print("gaussian_classes: two tests or more, and no negative steps, were expected.", file=sys.stderr)
        return 2
    tasks = draw(options.tests, torch.Generator().manual_seed(options.seed + 1))
    shifted = tasks._replace(support_y=(tasks.support_y + torch.arange(options.tests)[:, None]) % _WAYS)
    results = {"nearest": {"accuracy": accuracy(Nearest(), tasks).record()}}
    for name in options.learners:
        learner = train(name, options)
        found, misled = accuracy(learner, tasks), accuracy(learner, shifted)
        results[name] = {"accuracy": found.record(), "with_wrong_labels": misled.record()}
        print(f"{name}: {found.mean:.4f}, with wrong support labels {misled.mean:.3f}")
    protocol = {
        "ways": _WAYS,
        "shots": 1,
        "numbers": _NUMBERS,
        "noise": _NOISE,
        "steps": options.steps,
        "tasks_per_step": options.tasks_per_step,
        "tests": options.tests,
        "seed": options.seed,
    }
    about = {"benchmark": "gaussian_classes", "protocol": protocol, "provenance": provenance()}
    write_json(options.out, {**about, "results": results})
    print(f"written  {options.out}")
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
