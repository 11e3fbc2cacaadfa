"""BLUR's genomes, several trained at once: the best by validation functions, measured on functions never trained on.

python benchmarks/accuracy/blur_genomes.py [--by gradients|cma-es] [--genomes 4] [--steps 1000] [--out FILE]

Training functions are xor and or. The genome and the number of updates are chosen on these and on nor, nand and the
other quadrant. The test functions and, quadrant and nxor choose nothing. CMA-ES needs the extra `evolution`.

Letters: T tasks, Q queries.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from torch import nn

from quickstudy.core import UserError
from quickstudy.evaluation import Interval, provenance
from quickstudy.learners import BLUR
from quickstudy.protocols.records import write_json
from quickstudy.tasks import BooleanPlane
from quickstudy.training.evolution import CMAES, Evolution, evolve, trained_weights
from quickstudy.training.together import Together, train_together

_TRAINED = ("xor", "or")
_VALIDATION = ("nor", "nand", "other quadrant")
_TEST = ("and", "quadrant", "nxor")
_MEMBERS = 12


@dataclass(frozen=True, kw_only=True)
class Options:
    """How many genomes, how long to train, and where the figures go."""

    by: Literal["gradients", "cma-es"] = "gradients"
    """Train by gradients through the updates, or by evolution of the twenty numbers."""
    genomes: int = 4
    """Genomes that are trained, each with first synapses of its own."""
    candidates: int = 64
    """Random genomes from which those with the lowest loss on training functions are taken."""
    steps: int = 1_000
    """Optimiser steps, or populations of CMA-ES."""
    every: int = 100
    """Steps after which all genomes are validated."""
    tasks_per_step: int = 2
    """Tasks of a step."""
    learning_rate: float = 3e-3
    """Rate of Adam. CMA-ES has none."""
    hidden: int = 24
    """Hidden neurons."""
    symmetric_signs: bool = True
    """Whether first synapses treat all signs of inputs and of the answer equally; the paper's are all drawn apart."""
    updates: tuple[int, ...] = (0, 1, 2, 3, 5, 8, 10, 20)
    """Numbers of updates that are measured. The chosen number is one of them up to 10."""
    tasks: int = 200
    """Test tasks of each function."""
    seed: int = 0
    """Decides everything that is random."""
    out: Path = Path(__file__).parents[1] / "results" / "blur_genomes.json"
    """The JSON file to write."""


@dataclass
class Chosen:
    """The genome that was best on training and validation functions so far."""

    score: float = -1.0
    genome: int = 0
    steps: int = 0
    updates: int = 0
    learner: BLUR | None = None


def candidates(options: Options) -> list[BLUR]:
    """Learners with random genomes: of many, those with the lowest loss on the training functions."""
    tasks = BooleanPlane(_TRAINED).sample(4, torch.Generator().manual_seed(options.seed))
    found = []
    for number in range(max(options.candidates, options.genomes)):
        torch.manual_seed(options.seed * 1000 + number)
        seed = options.seed * 1000 + number
        learner = BLUR(2, hidden=(options.hidden,), seed=seed, symmetric_signs=options.symmetric_signs)
        with torch.no_grad():
            loss = float(learner.eval()(tasks))
        found.append((loss if loss == loss else float("inf"), number, learner))
    return [learner for _, _, learner in sorted(found, key=lambda each: each[:2])[: options.genomes]]


@torch.no_grad()
def accuracies(learner: BLUR, function: str, updates: int, tasks: int, seed: int) -> torch.Tensor:
    """The share of right queries of each task (T,)."""
    drawn = BooleanPlane((function,)).sample(tasks, torch.Generator().manual_seed(seed))
    learner.eval().test_updates = updates
    prediction = learner.predict(learner.adapt(drawn.support_x, drawn.support_y), drawn.query_x)
    return (prediction.logits.argmax(dim=-1) == drawn.query_y).double().mean(dim=1)


def validate(learners: Sequence[BLUR], step: int, best: Chosen, options: Options) -> None:
    """Keep the genome that is best on training and validation functions, after the best number of updates."""
    for number, learner in enumerate(learners):
        for updates in (each for each in options.updates if 0 < each <= 10):
            names = (*_TRAINED, *_VALIDATION)
            parts = [accuracies(learner, name, updates, 8, options.seed + 10_000) for name in names]
            # Half of the score is of the worst function, so that no function is given up.
            means = torch.stack([part.mean() for part in parts])
            score = float(means.mean() + means.min()) / 2
            if score > best.score:
                best.score, best.genome, best.steps, best.updates = score, number, step, updates
                best.learner = BLUR(2, hidden=(options.hidden,))
                # The first synapses are buffers that weights do not store.
                for own, other in zip(_tensors(best.learner), _tensors(learner), strict=True):
                    own.copy_(other)
        learner.train()
    print(f"step {step}  best score {best.score:.3f} of genome {best.genome}", file=sys.stderr, flush=True)


def _tensors(learner: nn.Module) -> list[torch.Tensor]:
    return [each.detach() for each in (*learner.parameters(), *learner.buffers())]


def train(options: Options) -> Chosen:
    """Train all genomes and return the best.

    Raises:
        UserError: if CMA-ES was asked for, and its package is missing.
    """
    learners, best = candidates(options), Chosen()
    tasks = BooleanPlane(_TRAINED)
    validate(learners, 0, best, options)
    if options.by == "gradients":
        settings = Together(
            steps=options.steps,
            tasks_per_step=options.tasks_per_step,
            learning_rate=options.learning_rate,
            seed=options.seed,
        )

        def after_step(step: int, losses_L: torch.Tensor) -> None:
            if step % options.every == 0 or step == options.steps:
                print(f"losses {[round(loss, 2) for loss in losses_L.tolist()]}", file=sys.stderr)
                validate(learners, step, best, options)

        train_together(learners, tasks, settings, after_step)
        return best
    for number, learner in enumerate(learners):
        strategy = CMAES(trained_weights(learner), _MEMBERS, deviation=0.3)
        for step in range(0, options.steps, options.every):
            evolution = Evolution(
                steps=min(options.every, options.steps - step),
                tasks_per_member=options.tasks_per_step,
                seed=options.seed + step + 1_000_000 * number,
            )
            evolve(learner, tasks, strategy, evolution)
            before = best.score
            validate([learner], step + evolution.steps, best, options)
            best.genome = number if best.score > before else best.genome
    return best


def measure(best: Chosen, options: Options) -> list[dict[str, Any]]:
    """One record for each function: accuracy by updates, and after the chosen number of updates."""
    assert best.learner is not None
    records = []
    for function in (*_TRAINED, *_VALIDATION, *_TEST):
        kind = "trained" if function in _TRAINED else "validation" if function in _VALIDATION else "test"
        found = {
            str(updates): Interval.over(
                accuracies(best.learner, function, updates, options.tasks, options.seed + 20_000)
            ).record()
            for updates in options.updates
        }
        records.append({"function": function, "part": kind, "accuracy": found[str(best.updates)], "by_updates": found})
    return records


def main(options: Options = Options()) -> int:
    """Train the genomes, measure the best, and write the figures."""
    start = time.process_time()
    try:
        best = train(options)
    except UserError as error:
        print(f"blur_genomes: {error}", file=sys.stderr)
        return 2
    records = measure(best, options)
    protocol = {
        "trained on": _TRAINED,
        "chosen on": (*_TRAINED, *_VALIDATION),
        "trained by": options.by,
        "genomes": f"{options.genomes} of {options.candidates} random ones",
        "hidden": options.hidden,
        "symmetric_signs": options.symmetric_signs,
        "steps": options.steps,
        "tasks_per_step": options.tasks_per_step,
        "support": "128 points, all of which each update reads; 128 queries",
        "tasks": options.tasks,
        "seed": options.seed,
        "figures": "share of right queries; mean over tasks, ± 95 % interval",
    }
    chosen = {"genome": best.genome, "steps": best.steps, "updates": best.updates, "score": best.score}
    about = {"benchmark": "blur_genomes", "protocol": protocol, "provenance": provenance(), "chosen": chosen}
    seconds = round(time.process_time() - start, 1)
    genome = torch.cat([each.detach().flatten() for each in best.learner.parameters()]).tolist() if best.learner else []
    write_json(options.out, {**about, "CPU seconds": seconds, "genome": genome, "records": records})
    for record in records:
        print(f"{record['part']}, {record['function']}: {Interval(**record['accuracy'])} after {best.updates} updates")
    print(f"written  {options.out}")
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(main(tyro.cli(Options, description=__doc__, config=config)))
