"""Accuracy along a sequence: how often the 1st, 2nd, … drawing of a class is classified correctly."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from quickstudy.evaluation import InstanceTable, evaluate_instances, provenance
from quickstudy.protocols.image_tasks import sequence_source, size_of
from quickstudy.protocols.measuring import Progress, memory_refused_clearly, shown_by
from quickstudy.protocols.records import instances_record
from quickstudy.protocols.weights import Weights
from quickstudy.sources import Part, Split
from quickstudy.tasks import SequenceLayout


@dataclass(frozen=True, kw_only=True)
class SequenceOptions:
    """Which sequences of Omniglot's drawings to evaluate on, ten drawings of each class."""

    split: Split = "vinyals"
    """Which Omniglot characters are the test classes."""
    part: Part = "test"
    """Which part of the split; tune on validation, report on test."""
    classes: int = 5
    """Classes in a sequence."""
    sequences: int = 1000
    """Number of sequences. The interval shrinks with its square root; a single sequence has no interval."""
    rotated: bool = False
    """Make four classes of each character, rotated by 0, 90, 180 and 270 degrees."""
    size: int | None = None
    """Side of the images in pixels; by default that of the training. Only learners without weights read other sizes."""
    seed: int = 0
    """Seed of the sequences. With the same seed, all learners get the same sequences."""
    data_root: Path | None = None
    """Folder with the data sets, if not in $QUICKSTUDY_DATA or the user cache."""
    device: str = "cpu"
    """Device to compute on, as torch names it."""


@dataclass(frozen=True)
class SequenceResult:
    """What was measured."""

    weights: Weights
    """What was measured."""
    options: SequenceOptions
    """On what, and how."""
    table: InstanceTable
    """The figures."""
    layout: SequenceLayout
    """How the sequences are made."""

    @property
    def title(self) -> str:
        """Which weights on which classes."""
        rotated = " in four rotations" if self.options.rotated else ""
        return f"{self.weights.name} on omniglot {self.options.split}, {self.options.part} classes{rotated}"

    @property
    def setting(self) -> str:
        """How many classes a sequence has."""
        return f"{self.options.classes} classes"

    def record(self) -> dict[str, Any]:
        """The figures with the protocol that gave them and where they were made, for JSON."""
        learner, options = self.weights.learner, self.options
        return {
            **instances_record(self.table, learner, self.weights.recipe, options.seed, self.layout),
            "data": "omniglot",
            "split": options.split,
            "part": options.part,
            "rotated": options.rotated,
            "size": size_of(self.weights, options.size),
            "device": str(torch.device(options.device)),
            "weights": self.weights.name,
            **provenance(),
        }


def measure_sequences(weights: Weights, options: SequenceOptions, progress: Progress | None = None) -> SequenceResult:
    """Accuracy at the 1st, 2nd, … drawing of a class, where each label is given with the next drawing.

    Args:
        weights: What to measure.
        options: On what, and how.
        progress: Called with the setting and the number of sequences that are done.

    Raises:
        UserError: if the learner reads no sequences, or the weights were trained on these classes.
    """
    source = sequence_source(
        weights, options.split, options.part, options.classes, rotated=options.rotated, size=options.size
    )
    with memory_refused_clearly():
        tasks: Any = source(options.data_root).to(options.device)
        table = evaluate_instances(
            weights.learner.to(options.device),
            tasks,
            options.sequences,
            seed=options.seed,
            progress=shown_by(progress, f"{options.classes} classes"),
        )
    return SequenceResult(weights, options, table, tasks.layout)
