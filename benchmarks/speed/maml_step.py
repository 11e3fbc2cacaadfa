"""What adapting all tasks of a batch at once saves a training step of MAML, beside the ways that it is done elsewhere.

python benchmarks/speed/maml_step.py [--out FILE] [--rounds 5] [--seconds 3] [--threads 1]

Elsewhere a loop goes over the tasks: for each of them the network's modules are cloned, or run with other weights, and
the gradients of the inner loop keep their graph. Or the function of one task is mapped over all by `torch.func`. All
ways give the same gradients, and all do the same arithmetic: what is measured is what can be saved beside it.
"""

import copy
import sys
from collections.abc import Callable, Mapping
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
from quickstudy.evaluation import provenance
from quickstudy.learners.maml import MAML
from quickstudy.networks.functional import FunctionalConv4
from quickstudy.protocols.records import ratio_text, spread, write_json
from timing import PAIRING, Work, paired_rates, ratios

AT_ONCE, CLONING, LOOP, MAPPED = "all tasks at once", "loop, cloned modules", "loop, functional", "torch.func, mapped"
OTHERS = (CLONING, LOOP, MAPPED)
GOAL = 3.0
"""How many times as fast as the loop over cloned modules all tasks at once should be."""
_RATE = 0.4
_EPSILON = 1e-3
Weights = dict[str, Tensor]


class Setting(NamedTuple):
    """A step's size."""

    tasks: int
    inner_steps: int
    ways: int = 5

    def __str__(self) -> str:
        steps = "1 inner step" if self.inner_steps == 1 else f"{self.inner_steps} inner steps"
        return f"{self.tasks} tasks, {self.ways}-way 1-shot, {steps}"


SETTINGS = (Setting(32, 1), Setting(32, 5))


@dataclass(frozen=True, kw_only=True)
class Options:
    """How long to measure, and where to leave the figures."""

    out: Path = Path(__file__).parents[1] / "results" / "maml_step.json"
    """The JSON file to write."""
    rounds: int = 5
    """Rounds; each gives one ratio."""
    seconds: float = 3.0
    """Seconds that each contender has in a round."""
    threads: int = 1
    """Of torch, for all contenders."""


class Contenders:
    """The same network and the same tasks, learnt from in every way."""

    def __init__(self, setting: Setting, channels: int = 64, dtype: torch.dtype = torch.float32) -> None:
        torch.manual_seed(0)
        self.setting = setting
        network = FunctionalConv4(setting.ways, channels=channels, scales=True, head_deviation=0.1)
        # In eval mode labels stay where they are.
        self.learner = MAML(network, inner_rate=_RATE, inner_steps=setting.inner_steps).to(dtype).eval()
        self.names = self.learner.adapted_names
        self.tasks = random_tasks(setting, dtype)
        self.optimiser = Adam(self.learner.parameters(), lr=1e-4)

    def backward(self, way: str) -> None:
        """Leave the gradient of the mean of all tasks' losses in the network's weights."""
        {AT_ONCE: self._at_once, CLONING: self._cloning, LOOP: self._loop, MAPPED: self._mapped}[way]()

    def training(self, way: str) -> Work:
        """Forward, backward and Adam."""

        def work() -> int:
            self.backward(way)
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
            return self.setting.tasks

        return work

    def gradients(self, way: str) -> list[Tensor]:
        """What one way leaves in the network's weights."""
        self.learner.zero_grad(set_to_none=True)
        self.backward(way)
        found = [weight.grad for weight in self.learner.parameters()]
        self.learner.zero_grad(set_to_none=True)
        return [gradient for gradient in found if gradient is not None]

    def _at_once(self) -> None:
        self.learner(self.tasks).backward()

    def _cloning(self) -> None:
        modules = as_modules(self.learner.network.first)
        for support_x, support_y, query_x, query_y in zip(*self.tasks, strict=True):
            clone = cloned(modules)
            for _ in range(self.setting.inner_steps):
                loss = self.setting.ways * F.cross_entropy(clone(support_x), support_y)
                # Normalisation's own weights stay as they are.
                places = [
                    (module, name) for module, name in weights_of(clone) if not isinstance(module, nn.BatchNorm2d)
                ]
                old = [module._parameters[name] for module, name in places]
                found = torch.autograd.grad(loss, old, create_graph=True)  # type: ignore[arg-type]
                for (module, name), weight, gradient in zip(places, old, found, strict=True):
                    module._parameters[name] = weight - _RATE * gradient  # type: ignore[operator,assignment]
            (F.cross_entropy(clone(query_x), query_y) / self.setting.tasks).backward()

    def _loop(self) -> None:
        for support_x, support_y, query_x, query_y in zip(*self.tasks, strict=True):
            weights: Weights = dict(self.learner.network.first.items())
            for _ in range(self.setting.inner_steps):
                loss = self.setting.ways * F.cross_entropy(outputs(weights, support_x), support_y)
                found = torch.autograd.grad(loss, [weights[name] for name in self.names], create_graph=True)
                weights |= {name: weights[name] - _RATE * each for name, each in zip(self.names, found, strict=True)}
            (F.cross_entropy(outputs(weights, query_x), query_y) / self.setting.tasks).backward()

    def _mapped(self) -> None:
        weights: Weights = dict(self.learner.network.first.items())

        def inner(adapted: Weights, x: Tensor, y: Tensor) -> Tensor:
            return self.setting.ways * F.cross_entropy(outputs(weights | adapted, x), y)

        def outer(support_x: Tensor, support_y: Tensor, query_x: Tensor, query_y: Tensor) -> Tensor:
            adapted = {name: weights[name] for name in self.names}
            for _ in range(self.setting.inner_steps):
                found = torch.func.grad(inner)(adapted, support_x, support_y)
                adapted = {name: adapted[name] - _RATE * found[name] for name in adapted}
            return F.cross_entropy(outputs(weights | adapted, query_x), query_y)

        torch.func.vmap(outer)(*self.tasks).mean().backward()


def outputs(weights: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """The network for one task, (E, N) of images (E, C, H, W), as one usually writes it."""
    for block in range(4):
        x = F.conv2d(x, weights[f"conv{block}"], stride=2, padding=1)
        scale, shift = weights[f"scale{block}"], weights[f"shift{block}"]
        x = F.batch_norm(x, None, None, scale, shift, training=True, eps=_EPSILON).relu()
    return x.mean((2, 3)) @ weights["head"] + weights["head_bias"]


def as_modules(first: nn.ParameterDict) -> nn.Module:
    """The same network as modules that hold the very same weights."""
    layers: list[nn.Module] = []
    for block in range(4):
        weight = first[f"conv{block}"]
        convolution = nn.Conv2d(weight.shape[1], weight.shape[0], 3, stride=2, padding=1, bias=False)
        norm = nn.BatchNorm2d(weight.shape[0], eps=_EPSILON, track_running_stats=False)
        convolution.weight, norm.weight, norm.bias = weight, first[f"scale{block}"], first[f"shift{block}"]
        layers += [convolution, norm, nn.ReLU()]
    return nn.Sequential(*layers, _SpatialMean(), _Head(first["head"], first["head_bias"]))


class _SpatialMean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


class _Head(nn.Module):
    def __init__(self, weight: nn.Parameter, bias: nn.Parameter) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias

    def forward(self, z: Tensor) -> Tensor:
        return torch.addmm(self.bias, z, self.weight)


def cloned(module: nn.Module) -> nn.Module:
    """A copy of a module whose weights are copies, through which gradients reach the module's own."""
    clone = copy.copy(module)
    clone._parameters = {name: each if each is None else each.clone() for name, each in module._parameters.items()}  # type: ignore[misc]
    clone._modules = {name: None if child is None else cloned(child) for name, child in module._modules.items()}
    return clone


def weights_of(module: nn.Module) -> list[tuple[nn.Module, str]]:
    """Where a module's weights are, its children's too."""
    return [
        (each, name) for each in module.modules() for name in each._parameters if each._parameters[name] is not None
    ]


def random_tasks(setting: Setting, dtype: torch.dtype) -> Tasks:
    """Tasks of numbers at random, a query a class: what is on the images costs nothing and saves nothing."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(setting.tasks, 2 * setting.ways, 1, 28, 28, generator=generator, dtype=dtype)
    y = torch.arange(setting.ways).expand(setting.tasks, -1)
    return Tasks(x[:, : setting.ways], y, x[:, setting.ways :], y)


def difference(setting: Setting, channels: int = 64) -> float:
    """The largest between the ways' gradients in float64, beside the largest gradient: they must do the same work."""
    contenders = Contenders(setting, channels, torch.float64)
    expected = contenders.gradients(AT_ONCE)
    largest = max(float(gradient.abs().max()) for gradient in expected)
    apart = [
        float((one - other).abs().max()) / largest
        for way in OTHERS
        for one, other in zip(expected, contenders.gradients(way), strict=True)
    ]
    assert max(apart) < 1e-5, apart
    return max(apart)


def measure(setting: Setting, rounds: int, seconds: float, channels: int = 64) -> dict[str, Any]:
    """One setting's record: tasks a second of each way, and the ratios."""
    apart = difference(setting._replace(tasks=4), channels)
    contenders = Contenders(setting, channels)
    works: dict[str, Work] = {way: contenders.training(way) for way in (AT_ONCE, *OTHERS)}
    rates = paired_rates(works, rounds, seconds, str(setting))
    each = {way: ratios(rates, AT_ONCE, way) for way in OTHERS}
    return {
        **setting._asdict(),
        "difference": apart,
        "tasks_per_second": rates,
        "ratios": each,
        "ratio": {way: spread(values) for way, values in each.items()},
        "goal": GOAL,
    }


def main(options: Options, measure_one: Callable[..., dict[str, Any]] = measure) -> int:
    keep_freed_memory()  # As the command line does; for all ways.
    torch.set_num_threads(options.threads)
    with unchecked_distributions():
        records = [measure_one(setting, options.rounds, options.seconds) for setting in SETTINGS]
    write_json(
        options.out,
        {
            "benchmark": "maml_step",
            "protocol": {
                "work": "a training step of second order, Adam included, on tasks of random images with as many "
                "queries as support examples; four strided convolutions of 64 channels, batch statistics, mean, head",
                "contenders": {
                    AT_ONCE: "quickstudy's MAML: a batch of products of matrices, the tasks' patches by their weights",
                    CLONING: "task by task; the modules are cloned for each and their weights replaced in each inner "
                    "step; backward after each task",
                    LOOP: "task by task; the network is a function of a dictionary of weights; backward after each",
                    MAPPED: "vmap(grad(…)) of torch.func over that function of one task",
                },
                "difference": "the largest between gradients of all ways in float64, 4 tasks, beside the largest",
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


def _print(record: Mapping[str, Any]) -> None:
    setting = Setting(record["tasks"], record["inner_steps"], record["ways"])
    table = Table(title=f"MAML, {setting}, median of the rounds", title_justify="left")
    for heading in ("way", "tasks/s", "at once is … as fast"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for way, rates in record["tasks_per_second"].items():
        ratio = record["ratio"].get(way)
        table.add_row(way, f"{spread(rates)['median']:,.0f}", "" if ratio is None else ratio_text(ratio))
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options, description=__doc__)))
