"""What SNAIL's cache saves: queries as single positions beside a sequence for each; and cost against support size.

python benchmarks/snail_cache.py [--out FILE] [--rounds 5] [--seconds 3]

The naive way makes a sequence of the support and one query, for every query, and embeds all of its images. A middle
way makes the same sequences of embeddings that they share. Both take a few sequences at a time, as training code
does; so they are measured by the query, the support's share included.
"""

import itertools
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.optim import Adam

from quickstudy.core import Learner, Tasks, unchecked_distributions
from quickstudy.evaluation import provenance
from quickstudy.learners.cnp import CNPClassifier
from quickstudy.learners.snail import SNAIL
from quickstudy.learners.transformer import InContextTransformer
from quickstudy.networks import Conv4
from timing import PAIRING, Work, paired_rates, ratios, spread, times, write_json

CACHED, TILED, NAIVE = "cached", "shared embedding", "naive"
_QUERIES = 15
_FEATURES = 64
_SEQUENCES = 20
"""Sequences that the naive ways take at a time; at 20-way 5-shot more would not fit a small machine's memory."""
_SHOTS = (1, 2, 5, 10, 20, 40)
_WAYS = 5


class Setting(NamedTuple):
    """A task's size."""

    ways: int
    shots: int


SETTINGS = (Setting(5, 1), Setting(20, 5))


@dataclass(frozen=True, kw_only=True)
class Options:
    """How long to measure, and where to leave the figures."""

    out: Path = Path(__file__).parent / "results" / "snail_cache.json"
    """The JSON file to write."""
    rounds: int = 5
    """Rounds; each gives one ratio."""
    seconds: float = 3.0
    """Seconds that each contender has in a round."""


class Contenders:
    """The same SNAIL and the same task, answered and trained on in three ways."""

    def __init__(self, setting: Setting, **sizes: Any) -> None:
        torch.manual_seed(0)
        conv = Conv4(normalisation="group")  # Batch statistics would tell the ways apart in training.
        encoder = nn.Sequential(conv, nn.Linear(conv.num_features, _FEATURES))
        num_support = setting.ways * setting.shots
        self.learner = SNAIL(encoder, _FEATURES, max_ways=setting.ways, max_examples=num_support, **sizes).eval()
        self.optimiser = Adam(self.learner.parameters(), lr=1e-4)
        self.tasks = _random_task(setting, (1, 28, 28))
        self.num_queries = self.tasks.query_y.shape[1]
        # The same weights without the encoder, for embeddings made before.
        self.head = SNAIL(nn.Identity(), _FEATURES, max_ways=setting.ways, max_examples=num_support, **sizes).eval()
        self.head.blocks, self.head.classify = self.learner.blocks, self.learner.classify

    def logits(self, way: str, queries: slice = slice(None)) -> Tensor:
        """Normalised logits (1, Q, N) of some of the queries."""
        x, y, query_x = self.tasks.support_x, self.tasks.support_y, self.tasks.query_x[:, queries]
        if way == CACHED:
            return self.learner.predict(self.learner.adapt(x, y), query_x).logits
        if way == NAIVE:
            return self.learner.predict_naively(x, y, query_x).logits
        return self.head.predict_naively(self.learner.encoder(x), y, self.learner.encoder(query_x)).logits

    def answering(self, way: str) -> Work:
        """Answer queries: all of a task, support included, or the next few sequences."""
        parts = self._parts(way)

        @torch.no_grad()
        def work() -> int:
            part = next(parts)
            return self.logits(way, part).shape[1]

        return work

    def training(self, way: str) -> Work:
        """Forward, backward and, once all queries of a task are through, Adam."""
        parts = self._parts(way)

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

    def _parts(self, way: str) -> Iterator[slice]:
        size = self.num_queries if way == CACHED else min(_SEQUENCES, self.num_queries)
        starts = range(0, self.num_queries, size)
        return itertools.cycle([slice(start, min(start + size, self.num_queries)) for start in starts])


def measure_cache(setting: Setting, rounds: int, seconds: float, **sizes: Any) -> dict[str, Any]:
    """One setting's record: queries a second of each way, answering and training, and the ratios."""
    contenders = Contenders(setting, **sizes)
    difference = _largest_difference(contenders)
    record: dict[str, Any] = {**setting._asdict(), "queries": contenders.num_queries, "difference": difference}
    for activity, start in (("answering", contenders.answering), ("training", contenders.training)):
        works = {way: start(way) for way in (CACHED, TILED, NAIVE)}
        rates = paired_rates(works, rounds, seconds, f"{activity}, {setting.ways}-way {setting.shots}-shot")
        each = {way: ratios(rates, CACHED, way) for way in (TILED, NAIVE)}
        record[activity] = {
            "queries_per_second": rates,
            "ratios": each,
            "ratio": {way: spread(values) for way, values in each.items()},
        }
    return record


def measure_growth(rounds: int, seconds: float, shots: tuple[int, ...] = _SHOTS) -> list[dict[str, Any]]:
    """Milliseconds to adapt to one task's embedded support, and to answer its queries, as the support grows."""
    records = []
    for count in shots:
        tasks = _random_task(Setting(_WAYS, count), (_FEATURES,))
        works = {}
        for name, learner in _learners(_WAYS * max(shots)).items():
            works[f"{name}, adapting"], works[f"{name}, answering"] = _two_steps(learner, tasks)
        rates = paired_rates(works, rounds, seconds, f"a support of {_WAYS * count}")
        milliseconds = {name: spread([1000 / rate for rate in values]) for name, values in rates.items()}
        records.append({"support": _WAYS * count, "queries": _WAYS * _QUERIES, "milliseconds": milliseconds})
    return records


def main(options: Options) -> int:
    with unchecked_distributions():
        cache = [measure_cache(setting, options.rounds, options.seconds) for setting in SETTINGS]
        growth = measure_growth(options.rounds, options.seconds)
    write_json(
        options.out,
        {
            "benchmark": "snail_cache",
            "protocol": {
                "cache": "one task of images at a time, strided Conv4 and a linear layer to 64 features, 15 queries a "
                "class; answering without gradients; a training step is forward, backward and Adam",
                "contenders": {
                    CACHED: "the support read once, queries as single positions",
                    TILED: f"a sequence for each query, {_SEQUENCES} sequences at a time, which share one embedding of "
                    "the support",
                    NAIVE: f"a sequence for each query, all of it embedded, {_SEQUENCES} sequences at a time",
                },
                "growth": "one 5-way task of 64 features at a time, no encoder, 75 queries; milliseconds a call",
                "pairing": PAIRING,
                "rounds": options.rounds,
                "seconds": options.seconds,
            },
            "provenance": provenance(),
            "cache": cache,
            "growth": growth,
        },
    )
    for record in cache:
        _print_cache(record)
    _print_growth(growth)
    Console().print(f"written  {options.out}", soft_wrap=True, highlight=False)
    return 0


def _random_task(setting: Setting, example_shape: tuple[int, ...]) -> Tasks:
    # What is on the images costs nothing and saves nothing.
    support_y = torch.arange(setting.ways).repeat(setting.shots)[None]
    query_y = torch.arange(setting.ways).repeat(_QUERIES)[None]
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, support_y.shape[1] + query_y.shape[1], *example_shape, generator=generator)
    return Tasks(x[:, : support_y.shape[1]], support_y, x[:, support_y.shape[1] :], query_y)


def _largest_difference(contenders: Contenders) -> float:
    """Between the ways' log-probabilities, over the first queries: they must do the same work."""
    few = slice(0, min(_SEQUENCES, contenders.num_queries))
    with torch.no_grad():
        expected = contenders.logits(NAIVE, few)
        difference = max(float((contenders.logits(way, few) - expected).abs().max()) for way in (CACHED, TILED))
    assert difference < 1e-4, difference
    return difference


def _learners(max_examples: int) -> dict[str, Learner]:
    return {
        "CNP": CNPClassifier(nn.Identity(), _FEATURES, decoder="shared").eval(),
        "SNAIL": SNAIL(nn.Identity(), _FEATURES, max_ways=_WAYS, max_examples=max_examples).eval(),
        "transformer": InContextTransformer(nn.Identity(), _FEATURES, max_ways=_WAYS).eval(),
    }


def _two_steps(learner: Learner, tasks: Tasks) -> tuple[Work, Work]:
    with torch.no_grad():
        state = learner.adapt(tasks.support_x, tasks.support_y)
    return (
        _one(lambda: learner.adapt(tasks.support_x, tasks.support_y)),
        _one(lambda: learner.predict(state, tasks.query_x)),
    )


def _one(call: Callable[[], Any]) -> Work:
    @torch.no_grad()
    def work() -> int:
        call()
        return 1

    return work


def _print_cache(record: Mapping[str, Any]) -> None:
    title = f"SNAIL, {record['ways']}-way {record['shots']}-shot, {record['queries']} queries, median of the rounds"
    table = Table(title=title, title_justify="left")
    for heading in ("way", "answers/s", "cached is … as fast", "trained on/s", "cached is … as fast"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for way in (CACHED, TILED, NAIVE):
        cells = []
        for activity in ("answering", "training"):
            measured = record[activity]
            cells += [f"{spread(measured['queries_per_second'][way])['median']:,.1f}"]
            cells += [times(measured["ratio"][way]) if way in measured["ratio"] else ""]
        table.add_row(way, *cells)
    Console().print(table)


def _print_growth(records: list[dict[str, Any]]) -> None:
    table = Table(title="milliseconds to adapt and to answer, without encoder, median of the rounds")
    names = dict.fromkeys(name.split(",")[0] for name in records[0]["milliseconds"])
    for heading in ("support", *names):
        table.add_column(heading, justify="right")
    for record in records:
        medians = {name: values["median"] for name, values in record["milliseconds"].items()}
        cells = (f"{medians[f'{name}, adapting']:,.2f}, {medians[f'{name}, answering']:,.2f}" for name in names)
        table.add_row(str(record["support"]), *cells)
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options, description=__doc__)))
