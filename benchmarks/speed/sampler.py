"""How fast tasks are drawn: our batched sampler beside a DataLoader over single images.

python benchmarks/speed/sampler.py [--out FILE] [--rounds 5] [--seconds 3]

The usual way is that of the well-known few-shot libraries, written with care: images in memory, a task
sampler that yields lists of indices, torch's own DataLoader and collation, one task at a time.
Exits with 1 where ours is not at least twenty times as fast.
"""

import itertools
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from quickstudy.cli.freed_memory import keep_freed_memory
from quickstudy.core import Tasks
from quickstudy.evaluation import provenance
from quickstudy.protocols.records import ratio_text, spread, write_json
from quickstudy.tasks import Episodes, Layout
from timing import PAIRING, paired_rates, ratios

GOAL = 20.0
OURS, USUAL = "ours", "usual way"
_CLASSES, _EXAMPLES = 4 * 1028, 20  # The training classes of the Vinyals split, in four rotations.
_QUERIES = 15


class Setting(NamedTuple):
    """Which tasks are drawn, and how many at once."""

    ways: int
    shots: int
    tasks_per_batch: int
    has_goal: bool


# The goal is for batches; a single task at a time is shown beside it.
SETTINGS = (Setting(5, 1, 64, True), Setting(20, 5, 32, True), Setting(5, 1, 1, False), Setting(20, 5, 1, False))


@dataclass(frozen=True, kw_only=True)
class Options:
    """How long to measure, and where to leave the figures."""

    out: Path = Path(__file__).parents[1] / "results" / "sampler.json"
    """The JSON file to write."""
    rounds: int = 5
    """Rounds; each gives one ratio."""
    seconds: float = 3.0
    """Seconds that each contender has in a round."""


class SingleImages(Dataset[tuple[Tensor, int]]):
    """One image at a time, as floats from 0 to 1, with its class; (C, E, H, W) bytes stay in memory."""

    def __init__(self, images: Tensor) -> None:
        self.images = images.flatten(0, 1)[:, None]
        self.labels = [label for label in range(images.shape[0]) for _ in range(images.shape[1])]

    def __len__(self) -> int:
        """Images of all classes."""
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """One image (1, H, W) and its class."""
        return self.images[index] / 255, self.labels[index]  # One operation: the fastest of torch's ways.


class TaskSampler(Sampler[list[int]]):
    """Lists of indices, one for each task, without end: N classes, then E examples of each, class after class."""

    def __init__(self, labels: list[int], ways: int, each: int, seed: int) -> None:
        self.ways, self.each, self.random = ways, each, random.Random(seed)
        self.members: dict[int, list[int]] = {}
        for index, label in enumerate(labels):
            self.members.setdefault(label, []).append(index)
        self.classes = list(self.members)

    def __iter__(self) -> Iterator[list[int]]:
        """Draw task after task."""
        while True:
            chosen = self.random.sample(self.classes, self.ways)
            yield [index for label in chosen for index in self.random.sample(self.members[label], self.each)]


class UsualWay:
    """Tasks from a DataLoader: a batch of images is one task, which is split and then stacked with others."""

    def __init__(self, images: Tensor, layout: Layout, seed: int = 0) -> None:
        assert isinstance(layout.ways, int)
        assert isinstance(layout.shots, int)
        self.ways, self.shots = layout.ways, layout.shots
        each = layout.shots + layout.queries
        dataset = SingleImages(images)
        sampler = TaskSampler(dataset.labels, layout.ways, each, seed)
        self.batches = iter(DataLoader(dataset, batch_sampler=sampler))
        # Images come class after class, so a label is a place: cheaper than the look-ups that libraries do.
        self.labels = torch.arange(layout.ways)[:, None].expand(-1, each)

    def sample(self, num_tasks: int) -> Tasks:
        """The next tasks, stacked."""
        tasks = [self._split(images) for images, _ in itertools.islice(self.batches, num_tasks)]
        return Tasks(*(torch.stack(parts) for parts in zip(*tasks, strict=True)))

    def _split(self, images_BCHW: Tensor) -> Tasks:
        images_NECHW = images_BCHW.unflatten(0, (self.ways, -1))
        support, query = slice(None, self.shots), slice(self.shots, None)
        return Tasks(
            images_NECHW[:, support].flatten(0, 1),
            self.labels[:, support].flatten(),
            images_NECHW[:, query].flatten(0, 1),
            self.labels[:, query].flatten(),
        )


def check_tasks(tasks: Tasks, num_tasks: int, layout: Layout, image: tuple[int, ...]) -> None:
    """Both ways must do the same work: tasks of these shapes, of floats from 0 to 1, with every label K times."""
    assert isinstance(layout.ways, int)
    assert isinstance(layout.shots, int)
    for x, y, each in (
        (tasks.support_x, tasks.support_y, layout.shots),
        (tasks.query_x, tasks.query_y, layout.queries),
    ):
        assert x.shape == (num_tasks, layout.ways * each, *image), x.shape
        assert x.dtype == torch.float32, x.dtype
        assert 0 <= x.min() <= x.max() <= 1
        assert x.max() > 0.5
        assert y.shape == x.shape[:2], y.shape
        assert y.dtype == torch.int64, y.dtype
        expected = torch.arange(layout.ways).repeat_interleave(each).expand(num_tasks, -1)
        assert torch.equal(y.sort(dim=1).values, expected)


def random_images(classes: int = _CLASSES, examples: int = _EXAMPLES) -> Tensor:
    """Bytes at random, (C, E, 28, 28): drawing tasks takes no notice of what is on the images."""
    return torch.randint(0, 256, (classes, examples, 28, 28), dtype=torch.uint8)


def contenders(images: Tensor, setting: Setting) -> dict[str, Callable[[], Tasks]]:
    """Both ways of drawing a batch of the same tasks, each tried once and found valid."""
    layout = Layout(setting.ways, setting.shots, _QUERIES)
    episodes, usual = Episodes(images, layout), UsualWay(images, layout)
    generator = torch.Generator().manual_seed(0)
    draws: dict[str, Callable[[], Tasks]] = {
        OURS: lambda: episodes.sample(setting.tasks_per_batch, generator),
        USUAL: lambda: usual.sample(setting.tasks_per_batch),
    }
    for draw in draws.values():
        check_tasks(draw(), setting.tasks_per_batch, layout, (1, *images.shape[2:]))
    return draws


def measure(images: Tensor, setting: Setting, rounds: int, seconds: float) -> dict[str, Any]:
    """One setting's record: tasks a second of each way in each round, and the ratios."""
    draws = contenders(images, setting)
    works = {name: _counting(draw, setting.tasks_per_batch) for name, draw in draws.items()}
    title = f"{setting.ways}-way {setting.shots}-shot, {setting.tasks_per_batch} at once"
    rates = paired_rates(works, rounds, seconds, title)
    each = ratios(rates, OURS, USUAL)
    return {
        **setting._asdict(),
        "queries": _QUERIES,
        "tasks_per_second": rates,
        "ratios": each,
        "ratio": spread(each),
        "goal": GOAL if setting.has_goal else None,
    }


def main(options: Options) -> int:
    keep_freed_memory()  # As the command line does; for both ways.
    torch.manual_seed(0)
    images = random_images()
    records = [measure(images, setting, options.rounds, options.seconds) for setting in SETTINGS]
    write_json(
        options.out,
        {
            "benchmark": "sampler",
            "protocol": {
                "contenders": {
                    OURS: "quickstudy.tasks.Episodes.sample, a batch of tasks at once",
                    USUAL: "Dataset of single images in memory, random.sample of indices as a batch_sampler, "
                    "DataLoader with default collation and no workers, split, tasks stacked",
                },
                "images": {"shape": list(images.shape), "dtype": "uint8", "content": "random bytes"},
                "tasks": "float32 from 0 to 1; checked to be of equal shapes, types and label counts",
                "memory": "freed blocks are kept (quickstudy.cli.freed_memory)",
                "pairing": PAIRING,
                "rounds": options.rounds,
                "seconds": options.seconds,
            },
            "provenance": provenance(),
            "settings": records,
        },
    )
    _print(records)
    Console().print(f"written  {options.out}", soft_wrap=True, highlight=False)
    return 0 if all(record["goal"] is None or record["ratio"]["median"] >= record["goal"] for record in records) else 1


def _counting(draw: Callable[[], Tasks], num_tasks: int) -> Callable[[], int]:
    def work() -> int:
        draw()
        return num_tasks

    return work


def _print(records: list[dict[str, Any]]) -> None:
    table = Table(title="tasks a second, median of the rounds", title_justify="left")
    for heading in ("setting", "tasks at once", OURS, USUAL, "ratio (lowest to highest)", "goal"):
        table.add_column(heading, justify="left" if heading == "setting" else "right")
    for record in records:
        table.add_row(
            f"{record['ways']}-way {record['shots']}-shot",
            str(record["tasks_per_batch"]),
            *(f"{spread(record['tasks_per_second'][name])['median']:,.0f}" for name in (OURS, USUAL)),
            ratio_text(record["ratio"]),
            "–" if record["goal"] is None else f"{record['goal']:.0f} ×",
        )
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options, description=__doc__)))
