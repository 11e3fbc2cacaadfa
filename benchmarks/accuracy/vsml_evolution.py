"""VSML's cell trained by evolution, with no gradient: how well it learns from examples before and after.

python benchmarks/accuracy/vsml_evolution.py [--steps 600] [--members 64] [--out FILE]

Tasks are points around a prototype for each of two classes. The deviation, the rate and the losses as they come are
those of the paper; the cell is smaller and its gates start less closed, so that it leaves chance sooner.

Letters: T tasks, L examples.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import Tensor

from quickstudy.core import UserError
from quickstudy.evaluation import Interval, provenance
from quickstudy.learners import VSML
from quickstudy.networks.shared_cells import SharedCell, dense_cells
from quickstudy.protocols.records import write_json
from quickstudy.tasks import PrototypeLayout, Prototypes
from quickstudy.training.evolution import Evolution, OpenAIES, evolve, trained_weights

_WAYS = 2


@dataclass(frozen=True, kw_only=True)
class Options:
    """The cell, how long to evolve it, and where the figures go."""

    steps: int = 600
    """Populations."""
    members: int = 64
    """Members of a population, two for each pair."""
    tasks_per_member: int = 8
    """Tasks on which a member is measured. A pair shares them."""
    deviation: float = 0.05
    """Standard deviation of the noise."""
    learning_rate: float = 0.025
    """Rate of Adam."""
    inputs: int = 3
    """Numbers of an input."""
    examples: int = 14
    """Examples of a task in evolution, one of which is the query."""
    message_size: int = 4
    """Numbers of a message."""
    state_size: int = 8
    """Numbers of a cell's state."""
    gate_offset: float = 1.0
    """Keeps the state at first; a lower one leaves chance sooner."""
    tasks: int = 1_000
    """Test tasks."""
    seed: int = 0
    """Decides the first weights, the noise and the tasks."""
    out: Path = Path(__file__).parents[1] / "results" / "vsml_evolution.json"
    """The JSON file to write."""


def untrained(options: Options) -> VSML:
    """A learner with random weights."""
    torch.manual_seed(options.seed)
    cell = SharedCell(options.message_size, options.state_size, gate_offset=options.gate_offset, micro_ticks=1)
    return VSML(dense_cells(options.inputs, _WAYS), cell)


@torch.no_grad()
def right(learner: VSML, inputs: int, ways: int, examples: int, options: Options) -> Tensor:
    """Whether it is right at each example (T, L), with cells for this size."""
    layout = PrototypeLayout(inputs, ways, examples, 1)
    drawn = Prototypes(layout).sample(options.tasks, torch.Generator().manual_seed(options.seed + 10_000))
    sized = learner.with_layers(dense_cells(inputs, ways)).eval()
    found = sized.predict_sequence(drawn.support_x, drawn.support_y).logits.argmax(dim=-1)
    return (found == drawn.support_y).double()


def record(title: str, right_TL: Tensor) -> dict[str, Any]:
    """Accuracy over all examples, over the last five, and by example."""
    return {
        "title": title,
        "all": Interval.over(right_TL.mean(dim=1)).record(),
        "last_5": Interval.over(right_TL[:, -5:].mean(dim=1)).record(),
        "by_example": [round(value, 4) for value in right_TL.mean(dim=0).tolist()],
    }


def main(options: Options = Options()) -> int:
    """Evolve the cell, measure it on tasks of its size and of another, and write the figures."""
    start = time.process_time()
    learner = untrained(options)
    size = options.inputs, _WAYS, 20
    records = [record("before", right(learner, *size, options))]

    def show(step: int, loss: float) -> None:
        if step % 50 == 0:
            print(f"population {step}  loss {loss:.3f}", file=sys.stderr, flush=True)

    try:
        strategy = OpenAIES(
            trained_weights(learner),
            options.members,
            deviation=options.deviation,
            learning_rate=options.learning_rate,
            shaping="losses",
        )
        evolution = Evolution(
            steps=options.steps,
            tasks_per_member=options.tasks_per_member,
            members_at_once=64,
            seed=options.seed,
        )
        tasks = Prototypes(PrototypeLayout(options.inputs, _WAYS, options.examples - 1, 1))
        losses = evolve(learner, tasks, strategy, evolution, show=show)
    except UserError as error:
        print(f"vsml_evolution: {error}", file=sys.stderr)
        return 2
    records.append(record("after", right(learner, *size, options)))
    records.append(record("after, 12 inputs and 2 classes", right(learner, 12, 2, 20, options)))
    protocol = {
        "tasks": f"prototypes of {options.inputs} inputs and {_WAYS} classes; {options.examples} examples in evolution",
        "populations": options.steps,
        "members": options.members,
        "tasks_per_member": options.tasks_per_member,
        "weights": len(trained_weights(learner)),
        "seed": options.seed,
        "figures": f"share of right predictions, each before its label; {options.tasks} tasks, mean ± 95 % interval",
        "chance": 1 / _WAYS,
    }
    about = {"benchmark": "vsml_evolution", "protocol": protocol, "provenance": provenance()}
    seconds = round(time.process_time() - start, 1)
    curve = [sum(part) / len(part) for part in _parts(losses)]
    write_json(options.out, {**about, "CPU seconds": seconds, "loss": curve, "records": records})
    for each in records:
        print(
            f"{each['title']}: {Interval(**each['all'])} of all examples, {Interval(**each['last_5'])} of the last five"
        )
    print(f"written  {options.out}")
    return 0


def _parts(losses: list[float]) -> list[list[float]]:
    """Up to 30 parts of nearly equal length."""
    width = -(-len(losses) // 30)
    return [losses[place : place + width] for place in range(0, len(losses), width)]


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(main(tyro.cli(Options, description=__doc__, config=config)))
