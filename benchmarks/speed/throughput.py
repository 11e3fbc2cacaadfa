"""How fast a learner trains: one optimiser step of the 60-way ProtoNet recipe beside other ways to take it.

python benchmarks/speed/throughput.py [--out FILE] [--rounds 5] [--seconds 5]

One thing differs at a time: memory format, feeding, downsampling; and, for steps of many small tasks, whether
they go through the network together or one after another.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.optim import AdamW

from quickstudy.cli.freed_memory import keep_freed_memory
from quickstudy.core import Learner, Tasks, unchecked_distributions
from quickstudy.evaluation import provenance
from quickstudy.networks import Conv4
from quickstudy.protocols.records import ratio_text, spread, write_json
from quickstudy.recipes import build, default_arguments
from quickstudy.tasks import Episodes, Jitter, Layout
from quickstudy.tasks.jitter import jitter_images
from quickstudy.training.run import averaged
from sampler import UsualWay, random_images
from timing import PAIRING, paired_rates, ratios

RECIPE = "omniglot-protonet"
OURS = "ours"


@dataclass(frozen=True, kw_only=True)
class Options:
    """How long to measure, and where to leave the figures."""

    out: Path = Path(__file__).parents[1] / "results" / "throughput.json"
    """The JSON file to write."""
    rounds: int = 5
    """Rounds; each gives one ratio."""
    seconds: float = 5.0
    """Seconds that each contender has in a round."""


@dataclass(frozen=True)
class Comparison:
    """Contenders that train on the same tasks; the first is ours."""

    title: str
    layout: Layout
    tasks_per_step: int
    steps: Mapping[str, Callable[[], None]]
    """One optimiser step of each."""

    @property
    def images_per_step(self) -> int:
        """Support and queries of all tasks in a step."""
        assert isinstance(self.layout.ways, int)
        assert isinstance(self.layout.shots, int)
        return self.tasks_per_step * self.layout.ways * (self.layout.shots + self.layout.queries)


class ContiguousConv4(Conv4):
    """The same network on torch's default memory format, channels first."""

    def __init__(self) -> None:
        super().__init__()
        self.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        """Features (..., D) of images (..., C, H, W)."""
        leading, image = images.shape[:-3], images.shape[-3:]
        return self.blocks(images.reshape(-1, *image)).flatten(1).reshape(*leading, -1)


class Training:
    """What the training loop does in a step, without its looks at the clock and the validation classes."""

    def __init__(self, downsampling: str = "stride", encoder: nn.Module | None = None) -> None:
        experiment = build(RECIPE, {"downsampling": downsampling})
        torch.manual_seed(0)
        self.learner: Learner = experiment.learner
        if encoder is not None:
            self.learner.encoder = encoder
        chosen = experiment.optimisation
        self.optimiser = AdamW(
            self.learner.parameters(),
            lr=chosen.learning_rate,
            weight_decay=chosen.weight_decay,
        )
        assert chosen.average_decay is not None
        self.average = averaged(self.learner, chosen.average_decay)

    def step(self, tasks: Tasks) -> None:
        """All tasks at once."""
        self.learner(tasks).backward()
        self._update()

    def step_task_by_task(self, tasks: Tasks) -> None:
        """One task after another, adding up their gradients."""
        num_tasks = tasks.support_x.shape[0]
        for task_index in range(num_tasks):
            task = Tasks(*(field[task_index : task_index + 1] for field in tasks))
            (self.learner(task) / num_tasks).backward()
        self._update()

    def _update(self) -> None:
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.average.update_parameters(self.learner)


def recipe_layout() -> tuple[Layout, int]:
    """The recipe's training episodes, and how many of them have the images that a step embeds: one pool's."""
    setting = default_arguments(RECIPE)
    layout = Layout(setting["ways"], setting["shots"], setting["queries"], jitter=Jitter())
    classes, drawings = setting["pool"]
    return layout, classes * drawings // (setting["ways"] * (setting["shots"] + setting["queries"]))


def recipe_comparison(images: Tensor) -> Comparison:
    """The recipe's step, beside the same with one thing changed."""
    layout, num_tasks = recipe_layout()
    ours = _sampler(images, layout, num_tasks)
    return Comparison(
        f"{layout.ways}-way {layout.shots}-shot, {layout.queries} queries",
        layout,
        num_tasks,
        {
            OURS: _stepper(Training().step, ours),
            "channels first in memory": _stepper(Training(encoder=ContiguousConv4()).step, ours),
            "usual feeding": _stepper(Training().step, _usual_feeding(images, layout, num_tasks)),
            "max-pooling": _stepper(Training("pool").step, ours),
        },
    )


def batching_comparison(images: Tensor) -> Comparison:
    """Sixteen small tasks a step: together, beside one after another."""
    layout, num_tasks = Layout(5, 1, 15), 16
    draw = _sampler(images, layout, num_tasks)
    return Comparison(
        f"{num_tasks} tasks of 5-way 1-shot, 15 queries",
        layout,
        num_tasks,
        {
            OURS: _stepper(Training().step, draw),
            "loop over tasks": _stepper(Training().step_task_by_task, draw),
        },
    )


def measure(comparison: Comparison, rounds: int, seconds: float) -> dict[str, Any]:
    """One comparison's record: steps, tasks and images a second of each contender, and the ratios."""
    works = {name: _counting(step) for name, step in comparison.steps.items()}
    with unchecked_distributions():
        rates = paired_rates(works, rounds, seconds, comparison.title)
    others = [name for name in rates if name != OURS]
    each = {name: ratios(rates, OURS, name) for name in others}
    return {
        "title": comparison.title,
        "tasks_per_step": comparison.tasks_per_step,
        "images_per_step": comparison.images_per_step,
        "steps_per_second": rates,
        "tasks_per_second": _scaled(rates, comparison.tasks_per_step),
        "images_per_second": _scaled(rates, comparison.images_per_step),
        "ratios": each,
        "ratio": {name: spread(each[name]) for name in others},
    }


def main(options: Options) -> int:
    keep_freed_memory()  # As the command line does; for all contenders.
    torch.manual_seed(0)
    images = random_images()
    comparisons = (recipe_comparison(images), batching_comparison(images))
    records = [measure(comparison, options.rounds, options.seconds) for comparison in comparisons]
    write_json(
        options.out,
        {
            "benchmark": "throughput",
            "protocol": {
                "recipe": RECIPE,
                "step": "draw tasks, forward, backward, AdamW, moving average of the weights",
                "contenders": {
                    OURS: "batched sampler, strided Conv4, channels last, all tasks at once",
                    "channels first in memory": "the same in torch's default memory format",
                    "usual feeding": "the same fed by the DataLoader of benchmarks/speed/sampler.py; jitter as ours",
                    "max-pooling": "the paper's Conv4",
                    "loop over tasks": "the same, task by task, gradients added up; batch statistics are then a task's",
                },
                "images": {"shape": list(images.shape), "dtype": "uint8", "content": "random bytes"},
                "pairing": PAIRING,
                "rounds": options.rounds,
                "seconds": options.seconds,
            },
            "provenance": provenance(),
            "comparisons": records,
        },
    )
    for record in records:
        _print(record)
    Console().print(f"written  {options.out}", soft_wrap=True, highlight=False)
    return 0


def _sampler(images: Tensor, layout: Layout, num_tasks: int) -> Callable[[], Tasks]:
    episodes, generator = Episodes(images, layout), torch.Generator().manual_seed(0)
    return lambda: episodes.sample(num_tasks, generator)


def _usual_feeding(images: Tensor, layout: Layout, num_tasks: int) -> Callable[[], Tasks]:
    usual, generator = UsualWay(images, layout), torch.Generator().manual_seed(0)

    def moved(x: Tensor) -> Tensor:
        if not isinstance(layout.jitter, Jitter):
            return x
        return jitter_images(x.flatten(0, 1), layout.jitter, generator).view_as(x)

    def draw() -> Tasks:
        # Batched, as ours: transforms of single images, as usual, would make this a comparison of jitters.
        support_x, support_y, query_x, query_y = usual.sample(num_tasks)
        return Tasks(moved(support_x), support_y, moved(query_x), query_y)

    return draw


def _stepper(step: Callable[[Tasks], None], draw: Callable[[], Tasks]) -> Callable[[], None]:
    return lambda: step(draw())


def _counting(step: Callable[[], None]) -> Callable[[], int]:
    def work() -> int:
        step()
        return 1

    return work


def _scaled(rates: Mapping[str, list[float]], factor: int) -> dict[str, list[float]]:
    return {name: [factor * rate for rate in values] for name, values in rates.items()}


def _print(record: dict[str, Any]) -> None:
    table = Table(title=f"training on {record['title']}, median of the rounds", title_justify="left")
    for heading in ("contender", "images/s", "tasks/s", "speed ratio (lowest to highest)"):
        table.add_column(heading, justify="left" if heading == "contender" else "right")
    for name in record["steps_per_second"]:
        table.add_row(
            name,
            f"{spread(record['images_per_second'][name])['median']:,.0f}",
            f"{spread(record['tasks_per_second'][name])['median']:,.1f}",
            ratio_text(record["ratio"][name]) if name in record["ratio"] else "",
        )
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options, description=__doc__)))
