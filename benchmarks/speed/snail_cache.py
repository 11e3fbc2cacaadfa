"""What SNAIL's cache saves: queries as single positions, beside a sequence for each of them.

python benchmarks/speed/snail_cache.py [--out FILE] [--rounds 5] [--seconds 3]

The naive way makes a sequence of the support and one query, for every query, and embeds all of its images: twenty
sequences at a time, as training code does, or one at a time, as a model whose sequence holds one query answers
queries as they come. A middle way makes the same sequences of embeddings that they share. All are measured by the
query, the support's share included; beside each ratio stands what counting embedded images alone would give.
"""

import itertools
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from quickstudy.cli.freed_memory import keep_freed_memory
from quickstudy.core import Tasks, unchecked_distributions
from quickstudy.evaluation import provenance
from quickstudy.learners.snail import SNAIL
from quickstudy.networks import Conv4
from quickstudy.protocols.records import ratio_text, spread, write_json
from timing import PAIRING, Work, paired_rates, ratios

_SEQUENCES = 20  # At 20-way 5-shot more would not fit a small machine's memory.
CACHED, TILED, NAIVE, SINGLY = "cached", "shared embedding", f"naive, {_SEQUENCES} at a time", "naive, one at a time"
OTHERS = (TILED, NAIVE, SINGLY)
_AT_A_TIME = {TILED: _SEQUENCES, NAIVE: _SEQUENCES, SINGLY: 1}
FEATURES = 64
_QUERIES_EACH = 15


class Setting(NamedTuple):
    """A task's size."""

    ways: int
    shots: int

    @property
    def support(self) -> int:
        """Examples of all classes."""
        return self.ways * self.shots

    @property
    def queries(self) -> int:
        """Queries of all classes."""
        return self.ways * _QUERIES_EACH

    def __str__(self) -> str:
        return f"{self.ways}-way {self.shots}-shot"


SETTINGS = (Setting(5, 1), Setting(20, 5))


@dataclass(frozen=True, kw_only=True)
class Options:
    """How long to measure, and where to leave the figures."""

    out: Path = Path(__file__).parents[1] / "results" / "snail_cache.json"
    """The JSON file to write."""
    rounds: int = 5
    """Rounds; each gives one ratio."""
    seconds: float = 3.0
    """Seconds that each contender has in a round."""


class Contenders:
    """The same SNAIL and the same task, answered and trained on in every way."""

    def __init__(self, setting: Setting, **sizes: Any) -> None:
        torch.manual_seed(0)
        conv = Conv4()  # In eval mode throughout, as batch statistics would tell the ways apart in training.
        encoder = nn.Sequential(conv, nn.Linear(conv.num_features, FEATURES))
        sizes = {"max_ways": setting.ways, "max_examples": setting.support, **sizes}
        self.learner = SNAIL(encoder, FEATURES, **sizes).eval()
        self.optimiser: Optimizer = Adam(self.learner.parameters(), lr=1e-4)
        self.tasks = random_task(setting, (1, 28, 28))
        self.num_queries = setting.queries
        # The same weights without the encoder, for embeddings made before.
        self.head = SNAIL(nn.Identity(), FEATURES, **sizes).eval()
        self.head.blocks, self.head.classify = self.learner.blocks, self.learner.classify

    def logits(self, way: str, queries: slice = slice(None)) -> Tensor:
        """Normalised logits (1, Q, N) of some of the queries."""
        x, y, query_x = self.tasks.support_x, self.tasks.support_y, self.tasks.query_x[:, queries]
        if way == CACHED:
            return self.learner.predict(self.learner.adapt(x, y), query_x).logits
        if way == TILED:
            return self.head.predict_naively(self.learner.encoder(x), y, self.learner.encoder(query_x)).logits
        return self.learner.predict_naively(x, y, query_x).logits

    def answering(self, way: str) -> Work:
        """Answer queries: all of a task, support included, or the next few sequences."""
        parts = itertools.cycle(parts_of(way, self.num_queries))

        @torch.no_grad()
        def work() -> int:
            part = next(parts)
            return self.logits(way, part).shape[1]

        return work

    def training(self, way: str) -> Work:
        """Forward, backward and, once all queries of a task are through, Adam."""
        parts = itertools.cycle(parts_of(way, self.num_queries))

        def work() -> int:
            part = next(parts)
            answers = self.tasks.query_y[:, part]
            loss = -self.logits(way, part).gather(2, answers[..., None]).sum() / self.num_queries
            loss.backward()
            if part.stop == self.num_queries:
                self.optimiser.step()
                self.optimiser.zero_grad(set_to_none=True)
            return answers.shape[1]

        return work


def parts_of(way: str, num_queries: int) -> list[slice]:
    """Which queries go together."""
    size = _AT_A_TIME.get(way, num_queries)
    return [slice(start, min(start + size, num_queries)) for start in range(0, num_queries, size)]


def images_of(way: str, setting: Setting) -> int:
    """How many images are embedded for the answers to one task's queries."""
    if way in (NAIVE, SINGLY):
        return setting.queries * (setting.support + 1)
    return setting.queries + setting.support * len(parts_of(way, setting.queries))


def measure(setting: Setting, rounds: int, seconds: float, **sizes: Any) -> dict[str, Any]:
    """One setting's record: queries a second of each way, answering and training, and the ratios."""
    contenders = Contenders(setting, **sizes)
    difference = _largest_difference(contenders)
    images = {way: images_of(way, setting) for way in (CACHED, *OTHERS)}
    record: dict[str, Any] = {
        **setting._asdict(),
        "queries": setting.queries,
        "difference": difference,
        "images": images,
        "images_ratio": {way: images[way] / images[CACHED] for way in OTHERS},
    }
    for activity, start in (("answering", contenders.answering), ("training", contenders.training)):
        works = {way: start(way) for way in (CACHED, *OTHERS)}
        rates = paired_rates(works, rounds, seconds, f"{activity}, {setting}")
        each = {way: ratios(rates, CACHED, way) for way in OTHERS}
        record[activity] = {
            "queries_per_second": rates,
            "ratios": each,
            "ratio": {way: spread(values) for way, values in each.items()},
        }
    return record


def main(options: Options) -> int:
    keep_freed_memory()  # As the command line does; for all ways.
    with unchecked_distributions():
        records = [measure(setting, options.rounds, options.seconds) for setting in SETTINGS]
    write_json(
        options.out,
        {
            "benchmark": "snail_cache",
            "protocol": {
                "work": "one task of images at a time, strided Conv4 and a linear layer to 64 features, 15 queries a "
                "class; answering without gradients; a training step is forward, backward and, once all queries of "
                "the task are through, Adam",
                "contenders": {
                    CACHED: "the support read once, queries as single positions",
                    TILED: f"a sequence for each query, {_SEQUENCES} sequences at a time, which share one embedding of "
                    "the support",
                    NAIVE: f"a sequence for each query, all of it embedded, {_SEQUENCES} sequences at a time",
                    SINGLY: "the same, one sequence at a time, as when every sequence holds one query, like the "
                    "paper's episodes, and queries are answered as they come",
                },
                "arithmetic": _arithmetic(),
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


def random_task(setting: Setting, example_shape: tuple[int, ...]) -> Tasks:
    """One task of numbers at random: what is on the images costs nothing and saves nothing."""
    support_y = torch.arange(setting.ways).repeat(setting.shots)[None]
    query_y = torch.arange(setting.ways).repeat(_QUERIES_EACH)[None]
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, setting.support + setting.queries, *example_shape, generator=generator)
    return Tasks(x[:, : setting.support], support_y, x[:, setting.support :], query_y)


def _arithmetic() -> str:
    counted = " and ".join(
        f"{images_of(SINGLY, setting) / images_of(CACHED, setting):.1f} at {setting} with {setting.queries} queries"
        for setting in SETTINGS
    )
    return (
        "images_ratio is what counting embedded images alone would give: naively N K + 1 for each of Q queries, "
        f"cached N K + Q for all of them, which is {counted}. Positions of the sequence are saved in the same measure, "
        "and what attention compares in nearly the same. The rest of a ratio is what doing many at once gains, or "
        "what work that is the same in all ways, such as Adam, takes away"
    )


def _largest_difference(contenders: Contenders) -> float:
    """Between the ways' log-probabilities, over the first queries: they must do the same work."""
    few = min(_SEQUENCES, contenders.num_queries)
    with torch.no_grad():
        answers = {
            way: torch.cat([contenders.logits(way, part) for part in parts_of(way, few)], dim=1)
            for way in (CACHED, *OTHERS)
        }
    difference = max(float((answers[way] - answers[SINGLY]).abs().max()) for way in answers)
    assert difference < 1e-4, difference
    return difference


def _print(record: Mapping[str, Any]) -> None:
    setting = Setting(record["ways"], record["shots"])
    for activity in ("answering", "training"):
        title = f"SNAIL {activity}, {setting}, {setting.queries} queries, median of the rounds"
        table = Table(title=title, title_justify="left")
        for heading in ("way", "images embedded", "queries/s", "cached is … as fast"):
            table.add_column(heading, justify="left" if heading == "way" else "right")
        rates, ratio = record[activity]["queries_per_second"], record[activity]["ratio"]
        for way, images in record["images"].items():
            share = f" ({record['images_ratio'][way]:.1f} ×)" if way in ratio else ""
            cells = [f"{images:,}{share}", f"{spread(rates[way])['median']:,.1f}"]
            table.add_row(way, *cells, ratio_text(ratio[way]) if way in ratio else "")
        Console().print(table)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options, description=__doc__)))
