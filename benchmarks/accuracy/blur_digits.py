"""BLUR on real digits beside gradient descent: accuracy by the number of updates.

python benchmarks/accuracy/blur_digits.py [--genomes 4] [--steps 300] [--data-root DIR] [--out FILE]

Genomes are trained on Omniglot's training characters of 8×8 pixels, ten classes a task, and the best is chosen on its
validation characters. Digits are those of scikit-learn. All learners read the same support in each update. Descent is a
network of the same size with cross-entropy, with the rate that is best on these digits.

Letters: T tasks, S support, Q queries, D pixels, N classes, U updates.
"""

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from torch import Tensor
from torch.nn.functional import cross_entropy

from quickstudy.core import Tasks, UserError
from quickstudy.datasets import omniglot
from quickstudy.evaluation import Interval, provenance
from quickstudy.learners import BLUR
from quickstudy.networks.pooled_pixels import PooledPixels
from quickstudy.protocols.records import write_json
from quickstudy.tasks import Episodes, Layout
from quickstudy.training.together import Together, train_together

_SIDE, _WAYS = 8, 10
_RATES = (0.03, 0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How many genomes, how long to train, and where the figures go."""

    genomes: int = 4
    """Genomes that are trained, each with first synapses of its own."""
    start: Literal["random", "gradient"] = "random"
    """Start from random genomes, or near gradient descent."""
    candidates: int = 32
    """Random genomes from which those with the lowest loss on training characters are taken."""
    steps: int = 300
    """Optimiser steps."""
    every: int = 50
    """Steps after which all genomes are validated."""
    learning_rate: float = 3e-3
    """Rate of Adam."""
    hidden: int = 32
    """Hidden neurons of all networks."""
    most_updates: int = 12
    """Most updates in training; their number is random."""
    updates: int = 30
    """Updates that are measured."""
    shots: int = 10
    """Support examples of each class."""
    runs: int = 50
    """Tasks of digits."""
    seed: int = 0
    """Decides everything that is random."""
    data_root: Path | None = Path(os.environ["QUICKSTUDY_DATA"]) if "QUICKSTUDY_DATA" in os.environ else None
    """Folder with Omniglot's zip files."""
    out: Path = Path(__file__).parents[1] / "results" / "blur_digits.json"
    """The JSON file to write."""


def characters(part: str, queries: int, options: Options) -> Episodes:
    """Episodes of Omniglot's characters, made small and standardised as digits are."""
    images, _ = omniglot.load(options.data_root, 28)
    chosen = torch.as_tensor(images[getattr(omniglot.split("lake"), part)]).float()
    small = PooledPixels((1, 28, 28), _SIDE)(chosen[:, :, None])
    return Episodes(standardised(small), Layout(_WAYS, options.shots, queries))


def digits(options: Options) -> Tasks:
    """Tasks of real digits, each with examples of its own.

    Raises:
        UserError: if scikit-learn is missing.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise UserError("The digits come with scikit-learn. Install it: pip install '.[dev]'") from None
    found = load_digits()
    x, y = standardised(torch.as_tensor(found.data).float()), torch.as_tensor(found.target)
    fewest = int(y.bincount().min())
    classes = torch.stack([x[y == label][:fewest] for label in range(_WAYS)])
    layout = Layout(_WAYS, options.shots, 20)
    return Episodes(classes, layout).sample(options.runs, torch.Generator().manual_seed(options.seed))


def standardised(x: Tensor) -> Tensor:
    """Numbers with mean 0 and deviation 1 over all images and pixels."""
    return (x - x.mean()) / x.std()


def new(number: int, options: Options) -> BLUR:
    """A genome, random or near gradient descent, and random first synapses, small enough for that many inputs."""
    torch.manual_seed(options.seed * 1000 + number)
    return BLUR(
        _SIDE**2,
        _WAYS,
        hidden=(options.hidden,),
        start=options.start,
        updates=(1, options.most_updates),
        synapse_scale=1 / _SIDE,
        seed=options.seed * 1000 + number,
    )


@torch.no_grad()
def accuracies(learner: BLUR, tasks: Tasks, updates: int) -> Tensor:
    """The share of right queries of each task (T,)."""
    learner.eval().test_updates = updates
    prediction = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)
    return (prediction.logits.argmax(dim=-1) == tasks.query_y).double().mean(dim=1)


def trained(options: Options) -> tuple[BLUR, dict[str, Any]]:
    """The genome that is best on validation characters, after 1 to 10 updates on average, and when that was."""
    training, validation = characters("train", 5, options), characters("validation", 5, options)
    first = training.sample(4, torch.Generator().manual_seed(options.seed))
    drawn = [new(number, options) for number in range(max(options.candidates, options.genomes))]
    with torch.no_grad():
        losses = [float(learner.eval()(first).nan_to_num(torch.inf)) for learner in drawn]
    order = sorted(range(len(drawn)), key=lambda number: losses[number])[: options.genomes]
    learners, seen = [drawn[number] for number in order], validation.sample(10, torch.Generator().manual_seed(1))
    best: dict[str, Any] = {"score": -1.0}
    kept = new(order[0], options)

    def validate(step: int, _: Tensor) -> None:
        nonlocal kept
        if step % options.every and step != options.steps:
            return
        for number, learner in zip(order, learners, strict=True):
            score = float(torch.stack([accuracies(learner, seen, updates) for updates in (1, 3, 6, 10)]).mean())
            if score > best["score"]:
                best.update(score=score, candidate=number, steps=step)
                kept = new(number, options)
                kept.load_state_dict(learner.state_dict())
            learner.train()
        print(f"step {step}  best on validation characters {best['score']:.3f}", file=sys.stderr, flush=True)

    settings = Together(steps=options.steps, tasks_per_step=2, learning_rate=options.learning_rate, seed=options.seed)
    train_together(learners, training, settings, validate)
    return kept, best


def by_descent(tasks: Tasks, rate: float, options: Options) -> Tensor:
    """The share of right queries of each task after each number of updates, (U, T)."""
    generator = torch.Generator().manual_seed(options.seed)
    x_TSD, query_TQD = (torch.cat([x, torch.ones_like(x[..., :1])], dim=-1) for x in (tasks.support_x, tasks.query_x))
    sizes = (x_TSD.shape[-1], options.hidden), (options.hidden, _WAYS)
    weights = [torch.randn(len(x_TSD), *size, generator=generator) / size[0] ** 0.5 for size in sizes]
    found = []
    for _ in range(options.updates + 1):
        with torch.no_grad():
            answer_TQ = ((query_TQD @ weights[0]).tanh() @ weights[1]).argmax(dim=-1)
        found.append((answer_TQ == tasks.query_y).double().mean(dim=1))
        weights = [weight.requires_grad_() for weight in weights]
        logits_TSN = (x_TSD @ weights[0]).tanh() @ weights[1]
        loss = cross_entropy(logits_TSN.flatten(0, 1), tasks.support_y.flatten()) * len(x_TSD)
        slopes = torch.autograd.grad(loss, weights)
        weights = [(weight - rate * slope).detach() for weight, slope in zip(weights, slopes, strict=True)]
    return torch.stack(found)


def record(who: str, right_UT: Tensor, **about: Any) -> dict[str, Any]:
    """Accuracy over the updates 1 to the last, after 1, 3, 10 and the last, and by update."""
    last = len(right_UT) - 1
    after = {str(count): Interval.over(right_UT[count]).record() for count in (1, 3, 10, last) if count <= last}
    curve = [round(value, 4) for value in right_UT.mean(dim=1).tolist()]
    return {"learner": who, **about, "mean": Interval.over(right_UT[1:].mean(dim=0)).record(), "after": after,
            "by_updates": curve}  # fmt: skip


def main(options: Options = Options()) -> int:
    """Train the genomes, measure the best beside descent, and write the figures."""
    start = time.process_time()
    try:
        tasks = digits(options)
        learner, chosen = trained(options)
    except UserError as error:
        print(f"blur_digits: {error}", file=sys.stderr)
        return 2
    ours_UT = torch.stack([accuracies(learner, tasks, updates) for updates in range(options.updates + 1)])
    others = {rate: by_descent(tasks, rate, options) for rate in _RATES}
    rate = max(others, key=lambda each: float(others[each][1:].mean()))
    records = [record("BLUR", ours_UT), record("gradient descent", others[rate], rate=rate)]
    protocol = {
        "trained on": f"Omniglot characters (lake, train), {_SIDE}×{_SIDE} pixels, {_WAYS}-way {options.shots}-shot",
        "chosen on": "Omniglot characters (lake, validation)",
        "tested on": f"scikit-learn's digits, 10 classes, {options.shots} examples of each, 20 queries of each",
        "genomes": f"{options.genomes} of {options.candidates}, start: {options.start}",
        "steps": options.steps,
        "hidden": options.hidden,
        "runs": options.runs,
        "seed": options.seed,
        "figures": f"share of right queries, mean over updates 1 to {options.updates}; over tasks, ± 95 % interval",
    }
    about = {"benchmark": "blur_digits", "protocol": protocol, "provenance": provenance(), "chosen": chosen}
    seconds = round(time.process_time() - start, 1)
    write_json(options.out, {**about, "CPU seconds": seconds, "records": records})
    for each in records:
        after = {count: str(Interval(**value)) for count, value in each["after"].items()}
        print(f"{each['learner']}: {Interval(**each['mean'])} over all updates; after {after}")
    print(f"written  {options.out}")
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(main(tyro.cli(Options, description=__doc__, config=config)))
