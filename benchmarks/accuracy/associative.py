"""How many pairs of keys and values fast weights hold: by the rule that writes, and by the features of the keys.

python benchmarks/accuracy/associative.py [--sizes 20 60 100] [--steps 1000] [--out FILE]

The task is that of Schlag, Irie and Schmidhuber (ICML 2021), section 6.1: a memory of 64 numbers for a key stores
sequences of pairs, and each key is then queried for its value. The loss is ½ ‖v − v̂‖²; it is 0.5 if nothing is
retrieved. "once": each key occurs once. "again": keys are drawn with replacement, so the latest value of a key counts.

Letters: B sequences, L pairs of a sequence, S keys, D numbers of a key, K features of a key.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from quickstudy.core import UserError
from quickstudy.evaluation import provenance
from quickstudy.networks.delta_rule import (
    Features,
    Rule,
    delta_additions,
    dpfp_features,
    elu_features,
    with_sum_one,
    write,
)
from quickstudy.protocols.records import write_json

Keys = Literal["once", "again"]
_SEQUENCES, _TEST_SEQUENCES, _WIDTH = 32, 20, 64
_GOOD_ENOUGH = 1e-3
"""Loss at which a training ends."""
_EVERY = 100
"""Steps between two tests."""


class Case(NamedTuple):
    """A kind of sequences and of memory."""

    keys: Keys
    rule: Rule
    features: Features


CASES = (
    Case("once", "sum", "elu"),
    Case("once", "sum", "dpfp"),
    Case("again", "sum", "dpfp"),
    Case("again", "delta", "dpfp"),
    Case("again", "delta", "elu"),
)
PUBLISHED = {
    Case("once", "sum", "elu"): {20: 9e-4, 60: 0.025, 100: 0.172},
    Case("once", "sum", "dpfp"): {20: 8e-4, 60: 4e-4, 100: 2e-4},
    Case("again", "sum", "dpfp"): {20: 0.105, 60: 0.123, 100: 0.117},
    Case("again", "delta", "dpfp"): {20: 8e-4, 60: 0.006, 100: 9e-5},
    Case("again", "delta", "elu"): {20: 8e-4, 60: 7e-4, 100: 0.161},
}
"""Losses in the logs of the authors' code, by number of keys."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to train, for how long, and where to leave the figures."""

    sizes: tuple[int, ...] = (20, 60, 100)
    """Numbers of keys, which are also numbers of values."""
    steps: int = 1000
    """Most steps of a training; it ends before at a loss of 1e-3."""
    learning_rate: float = 1e-3
    """Learning rate of Adam."""
    seed: int = 0
    """Decides first weights and sequences."""
    out: Path = Path(__file__).parents[1] / "results" / "associative.json"
    """The JSON file to write."""


class Pairs(NamedTuple):
    """Sequences of pairs, and what each key must return."""

    keys: Tensor
    """(B, L) indices."""
    values: Tensor
    """(B, L) indices."""
    answers: Tensor
    """(B, S): the latest value of each key."""
    occurs: Tensor
    """(B, S) booleans: the key has a value."""


class Memory(nn.Module):
    """Keys with learned embeddings, values that are one-hot, and fast weights from the first to the second."""

    def __init__(self, num_keys: int, rule: Rule, features: Features) -> None:
        super().__init__()
        size = int(2 * num_keys * 1.1)
        self.rule, self.features, self.num_keys = rule, features, num_keys
        self.embedding = nn.Embedding(num_keys, size)
        self.to_keys = nn.Linear(num_keys + size, _WIDTH, bias=False)
        self.to_queries = nn.Linear(size, _WIDTH, bias=False)
        self.to_rates = nn.Linear(num_keys + size, 1)
        for linear in (self.to_keys, self.to_queries):
            nn.init.uniform_(linear.weight, -(_WIDTH**-0.5), _WIDTH**-0.5)

    def forward(self, pairs: Pairs) -> Tensor:
        """Half the squared error of each key that occurs, averaged."""
        values_BLV = F.one_hot(pairs.values, self.num_keys).float()
        read_BSV = self._retrieved(pairs.keys, values_BLV)
        errors_BS = (read_BSV - F.one_hot(pairs.answers, self.num_keys)).square().sum(dim=-1) / 2
        return errors_BS[pairs.occurs].mean()

    def _retrieved(self, keys_BL: Tensor, values_BLV: Tensor) -> Tensor:
        items = torch.cat([values_BLV, self.embedding(keys_BL)], dim=-1)
        keys_BLK, queries_SK = self._mapped(self.to_keys(items)), self._mapped(self.to_queries(self.embedding.weight))
        nothing = values_BLV.new_zeros(len(values_BLV), keys_BLK.shape[-1], self.num_keys)
        if self.rule == "sum":
            weights = write(nothing, keys_BLK, values_BLV)
            return queries_SK @ weights / (keys_BLK.sum(dim=1) @ queries_SK.mT + 1e-6)[..., None]
        keys_BLK, queries_SK = with_sum_one(keys_BLK), with_sum_one(queries_SK)
        rates_BL = self.to_rates(items).squeeze(-1).sigmoid()
        return queries_SK @ write(nothing, keys_BLK, delta_additions(nothing, keys_BLK, values_BLV, rates_BL))

    def _mapped(self, x: Tensor) -> Tensor:
        return elu_features(x) if self.features == "elu" else dpfp_features(x)


def draw(keys: Keys, num_keys: int, length: int, count: int, generator: torch.Generator) -> Pairs:
    """Sequences of pairs: each key and each value once, or both drawn with replacement."""
    if keys == "once":
        keys_BL, values_BL = (torch.rand(count, num_keys, generator=generator).argsort(dim=1) for _ in range(2))
    else:
        keys_BL, values_BL = (torch.randint(num_keys, (count, length), generator=generator) for _ in range(2))
    place_BLS = F.one_hot(keys_BL, num_keys) * torch.arange(1, keys_BL.shape[1] + 1)[:, None]
    latest_BS = place_BLS.amax(dim=1)  # Counted from one; zero is never.
    return Pairs(keys_BL, values_BL, values_BL.gather(1, (latest_BS - 1).clamp(min=0)), latest_BS > 0)


def train(case: Case, num_keys: int, options: Options) -> tuple[float, int]:
    """The loss on new sequences at the end of a training, and how many steps it took."""
    torch.manual_seed(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    memory = Memory(num_keys, case.rule, case.features)
    optimiser = torch.optim.Adam(memory.parameters(), lr=options.learning_rate)
    tested = draw(case.keys, num_keys, num_keys, _TEST_SEQUENCES, torch.Generator().manual_seed(options.seed + 1))
    loss, step = float("inf"), 0
    for step in range(1, options.steps + 1):
        optimiser.zero_grad()
        memory(draw(case.keys, num_keys, 2 * num_keys, _SEQUENCES, generator)).backward()
        optimiser.step()
        if step % _EVERY == 0 or step == options.steps:
            with torch.no_grad():
                loss = float(memory(tested))
            if loss <= _GOOD_ENOUGH:
                break
    return loss, step


def measure(options: Options) -> list[dict[str, Any]]:
    """Every case at every number of keys."""
    if min(options.sizes) < 2 or options.steps < 1:
        raise UserError(
            f"sizes = {options.sizes} and steps = {options.steps} were given, but two keys or more and a step were "
            "expected."
        )
    records = []
    for case in CASES:
        for size in options.sizes:
            loss, steps = train(case, size, options)
            published = PUBLISHED[case].get(size)
            records.append({**case._asdict(), "size": size, "loss": loss, "steps": steps, "published": published})
            print(f"{' '.join(case)}, {size} keys: {loss:.4f} after {steps} steps", file=sys.stderr, flush=True)
    return records


def main(options: Options = Options()) -> int:
    """Train every memory, and write the losses."""
    try:
        records = measure(options)
    except UserError as error:
        print(f"associative: {error}", file=sys.stderr)
        return 2
    protocol = {
        "width": _WIDTH,
        "sequences_per_step": _SEQUENCES,
        "most_steps": options.steps,
        "learning_rate": options.learning_rate,
        "test_sequences": _TEST_SEQUENCES,
        "seed": options.seed,
        "loss": "half the squared error, 0.5 if nothing is retrieved",
    }
    about = {"benchmark": "associative", "protocol": protocol, "provenance": provenance()}
    write_json(options.out, {**about, "results": records})
    _print(records, options.sizes)
    Console().print(f"written  {options.out}", soft_wrap=True, highlight=False)
    return 0


def _print(records: list[dict[str, Any]], sizes: tuple[int, ...]) -> None:
    table = Table(title="loss, and in brackets that of the authors' logs", title_justify="left")
    for heading in ("keys occur", "rule", "features", *(f"{size} keys" for size in sizes)):
        table.add_column(heading)
    for case in CASES:
        row = [record for record in records if all(record[key] == value for key, value in case._asdict().items())]
        table.add_row(*case, *(f"{each['loss']:.4f} ({each['published']})" for each in row))
    Console().print(table)


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
