"""What batching saves Meta Networks: one training step of many tasks at once, beside loops over them.

python benchmarks/speed/metanet_step.py [--out FILE] [--rounds 5] [--seconds 3]

The usual way goes through tasks one by one, and in each through the examples, whose gradients come from backward
passes of their own, and through the queries, each of which mixes the memory into weights of its own. Between the two
stands our own learner given one task after another. All take the same step: forward, backward, Adam.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.optim import Adam

from quickstudy.cli.freed_memory import keep_freed_memory
from quickstudy.core import Tasks, unchecked_distributions
from quickstudy.datasets import glyphs
from quickstudy.evaluation import provenance
from quickstudy.learners import MetaNet
from quickstudy.networks import Conv4
from quickstudy.networks.fast_weights import AugmentedLayers
from quickstudy.protocols.records import ratio_text, spread, write_json
from quickstudy.tasks import Episodes, Layout
from timing import PAIRING, Work, paired_rates, ratios

BATCHED, BY_TASK, USUAL = "all tasks at once", "ours, task by task", "loops over tasks, examples and queries"
OTHERS = (BY_TASK, USUAL)
NUM_TASKS = 4


class Setting(NamedTuple):
    """A task's size."""

    ways: int
    shots: int
    queries_each: int

    def __str__(self) -> str:
        return f"{self.ways}-way {self.shots}-shot"


SETTINGS = (Setting(5, 1, 15), Setting(20, 1, 5))


@dataclass(frozen=True, kw_only=True)
class Options:
    """How long to measure, and where to leave the figures."""

    out: Path = Path(__file__).parents[1] / "results" / "metanet_step.json"
    """The JSON file to write."""
    rounds: int = 5
    """Rounds; each gives one ratio."""
    seconds: float = 3.0
    """Seconds that each contender has in a round."""


class Contenders:
    """The same Meta Network and the same tasks, each way to take a step."""

    def __init__(self, setting: Setting, num_tasks: int = NUM_TASKS, channels: int = 64) -> None:
        torch.manual_seed(0)
        images = glyphs.load(num_classes=40, num_drawings=20)
        self.tasks = Episodes(images, Layout(*setting)).sample(num_tasks, torch.Generator().manual_seed(0))
        encoder = Conv4(channels=channels, downsampling="pool", normalisation="none", keep_edge=True)
        # In eval mode labels keep their slots, so that all ways see the same tasks. Without the table in place of
        # the small network, all ways compute the same to the last digits.
        self.learner = MetaNet(encoder, encoder.map_shape, max_ways=setting.ways, cells=256).eval()
        self.optimiser = Adam(self.learner.parameters(), lr=1e-4)

    def loss(self, way: str) -> Tensor:
        """Minus the mean log-likelihood of all queries; what a way goes through one by one is summed up here."""
        if way == BATCHED:
            return self.learner(self.tasks)
        each = [Tasks(*(field[index, None] for field in self.tasks)) for index in range(len(self.tasks.query_y))]
        of_one = self.learner if way == BY_TASK else self._usual_loss
        return torch.stack([of_one(one) for one in each]).mean()

    def step(self, way: str) -> Work:
        """Forward, backward and Adam; counts tasks."""

        def work() -> int:
            self.optimiser.zero_grad(set_to_none=True)
            self.loss(way).backward()
            self.optimiser.step()
            return len(self.tasks.query_y)

        return work

    def _usual_loss(self, task: Tasks) -> Tensor:
        learner, labels = self.learner, task.support_y[0]
        made = learner.make_embedding
        assert made is not None
        maps = learner.encoder(task.support_x[0]).unflatten(-1, learner.map_shape)
        told = [
            _gradients(F.cross_entropy(learner.codes @ _one(learner.embedding, image), label), learner.embedding)
            for image, label in zip(maps, labels, strict=True)
        ]
        task_weights = made([torch.stack(each)[None] for each in zip(*told, strict=True)])
        task_weights = [weights[0] for weights in task_weights]
        memory, keys = [], []
        for image, label in zip(maps, labels, strict=True):
            taught = _gradients(F.cross_entropy(_one(learner.base, image), label), learner.base)
            memory.append(learner.make_examples([each[None, None] for each in taught]))
            keys.append(_one(learner.embedding, image, task_weights))
        kept = [torch.cat(each, dim=1)[0] for each in zip(*memory, strict=True)]
        losses = []
        for image, label in zip(
            learner.encoder(task.query_x[0]).unflatten(-1, learner.map_shape), task.query_y[0], strict=True
        ):
            cosines = F.cosine_similarity(_one(learner.embedding, image, task_weights)[None], torch.stack(keys))
            mixed = [torch.tensordot(cosines.softmax(dim=0), weights, dims=1) for weights in kept]
            losses.append(F.cross_entropy(_one(learner.base, image, mixed), label))
        return torch.stack(losses).mean()


def measure(setting: Setting, rounds: int, seconds: float, **sizes: Any) -> dict[str, Any]:
    """One setting's record: tasks a second of each way, and the ratios."""
    contenders = Contenders(setting, **sizes)
    difference = _largest_difference(contenders)
    rates = paired_rates({way: contenders.step(way) for way in (BATCHED, *OTHERS)}, rounds, seconds, str(setting))
    each = {way: ratios(rates, BATCHED, way) for way in OTHERS}
    return {
        "ways": setting.ways,
        "shots": setting.shots,
        "queries": setting.ways * setting.queries_each,
        "tasks_per_step": len(contenders.tasks.query_y),
        "difference": difference,
        "tasks_per_second": rates,
        "ratios": each,
        "ratio": {way: spread(values) for way, values in each.items()},
    }


def main(options: Options) -> int:
    keep_freed_memory()  # As the command line does; for all ways.
    with unchecked_distributions():
        records = [measure(setting, options.rounds, options.seconds) for setting in SETTINGS]
    write_json(
        options.out,
        {
            "benchmark": "metanet_step",
            "protocol": {
                "work": "a training step of first order: forward, backward and Adam; four convolutions of 64 channels "
                "shared by embedding and base learner, the three layers above augmented",
                "contenders": {
                    BATCHED: "the learner, given all tasks of the step",
                    BY_TASK: "the learner, given one task after another",
                    USUAL: "each example's gradients by a backward pass of its own, and each query with weights of its "
                    "own; the generators make all coordinates of a layer at once here too",
                },
                "memory": "freed blocks are kept (quickstudy.cli.freed_memory)",
                "pairing": PAIRING,
                "rounds": options.rounds,
                "seconds": options.seconds,
            },
            "provenance": provenance(),
            "settings": records,
        },
    )
    for record in records:
        _print(record)
    Console().print(f"written  {options.out}", soft_wrap=True, highlight=False)
    return 0


def _one(layers: AugmentedLayers, image: Tensor, fast: Sequence[Tensor] = ()) -> Tensor:
    """The layers on one map (C, H, W), beside fast weights (O, I) if there are any."""
    x, channels = image[None], image.shape[0]
    for index, slow in enumerate(layers.slow):
        assert isinstance(slow, nn.Linear)
        branches = [(slow.weight, slow.bias), *([(fast[index], None)] if fast else [])]
        if index == 0:
            kernels = [(weight.view(channels, channels, 3, 3), bias) for weight, bias in branches]
            outputs = [F.conv2d(x, kernel, bias, padding=1) for kernel, bias in kernels]
        else:
            outputs = [F.linear(x, weight, bias) for weight, bias in branches]
        is_last = index == len(layers.slow) - 1
        x = torch.stack(outputs if is_last else [output.relu() for output in outputs]).sum(dim=0)
        if index == 0:
            x = F.max_pool2d(x, 2, ceil_mode=True).flatten(1)
    return x[0]


def _gradients(loss: Tensor, layers: AugmentedLayers) -> list[Tensor]:
    weights = [slow.weight for slow in layers.slow if isinstance(slow, nn.Linear)]
    return list(torch.autograd.grad(loss, weights, retain_graph=True))


def _largest_difference(contenders: Contenders) -> float:
    """Between the gradients of the ways, relative to the largest: they must do the same work."""
    found = {}
    for way in (BATCHED, *OTHERS):
        contenders.learner.zero_grad()
        contenders.loss(way).backward()
        given = [p.grad.flatten() for p in contenders.learner.parameters() if p.grad is not None]
        found[way] = torch.cat(given)
    largest = float(found[USUAL].abs().max())
    difference = max(float((gradient - found[USUAL]).abs().max()) / largest for gradient in found.values())
    assert difference < 1e-3, difference
    return difference


def _print(record: dict[str, Any]) -> None:
    title = f"Meta Networks, a training step, {record['ways']}-way {record['shots']}-shot, median of the rounds"
    table = Table(title=title, title_justify="left")
    for heading in ("way", "tasks/s", "all at once is … as fast"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for way, rates in record["tasks_per_second"].items():
        ratio = ratio_text(record["ratio"][way]) if way in record["ratio"] else ""
        table.add_row(way, f"{spread(rates)['median']:,.2f}", ratio)
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options, description=__doc__)))
