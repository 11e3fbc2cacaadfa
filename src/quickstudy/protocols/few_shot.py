"""N-way K-shot accuracy: tasks of classes that the learner has never seen, with a few labelled examples of each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from quickstudy.core import TaskSource, UserError
from quickstudy.evaluation import Evaluation, evaluate, provenance
from quickstudy.protocols.image_tasks import data_of, folder_source, glyph_source, omniglot_source, own_source, size_of
from quickstudy.protocols.measuring import Progress, memory_refused_clearly, shown_by
from quickstudy.protocols.records import evaluation_record
from quickstudy.protocols.weights import Weights, answering_one_by_one
from quickstudy.sources import Part, Split
from quickstudy.tasks import Layout, ShotsOfEach


@dataclass(frozen=True, kw_only=True)
class FewShotOptions:
    """What to evaluate on, and how."""

    data: str | None = None
    """omniglot, glyphs, or a folder with one sub-folder of images for each class; by default the training's data."""
    split: Split = "vinyals"
    """Which Omniglot characters are the test classes."""
    part: Part = "test"
    """Which part of the split; tune on validation, report on test."""
    ways: int = 5
    """Classes in a task."""
    shots: tuple[int, ...] = (1,)
    """Support examples: one number for all classes, or one for each, such as 15 1 1 1 1."""
    queries: int = 15
    """Queries of each class."""
    tasks: int = 1000
    """Number of tasks. The interval shrinks with its square root; a single task has no interval."""
    within_alphabet: bool = False
    """Take all classes of a task from one alphabet."""
    rotated: bool = False
    """Make four classes of each Omniglot character, one for each quarter turn, as for ProtoNet and MAML."""
    size: int | None = None
    """Side of the images in pixels; by default that of the training. Only learners without weights read other sizes."""
    skip_small: bool = False
    """Leave out the classes of a folder that have too few images, and name them."""
    shuffled_labels: bool = False
    """Give support labels that say nothing about the classes. This is a control: the accuracy must be chance."""
    inductive: bool = False
    """Predict each query without the others. For learners such as MAML, which normalise a task's queries together."""
    seed: int = 0
    """Seed of the tasks. With the same seed, all learners get the same tasks."""
    data_root: Path | None = None
    """Folder with the data sets, if not in $QUICKSTUDY_DATA or the user cache."""
    device: str = "cpu"
    """Device to compute on, as torch names it."""

    @property
    def layout(self) -> Layout:
        """What a task is made of."""
        shots = self.shots[0] if len(self.shots) == 1 else ShotsOfEach(self.shots)
        return Layout(self.ways, shots, self.queries, shuffled_labels=self.shuffled_labels)


@dataclass(frozen=True)
class FewShotResult:
    """What was measured."""

    weights: Weights
    """What was measured."""
    options: FewShotOptions
    """On what, and how."""
    evaluation: Evaluation
    """The figures."""
    is_transductive: bool
    """Whether the learner used a task's queries together."""

    @property
    def title(self) -> str:
        """Which weights on which classes."""
        data = data_of(self.weights, self.options.data)
        where = f"{data} {self.options.split}" if data == "omniglot" else data
        rotated = " in four rotations" if self.options.rotated else ""
        return f"{self.weights.name} on {where}, {self.options.part} classes{rotated}"

    @property
    def setting(self) -> str:
        """Ways and shots, in the field's words."""
        return setting_of(self.options)

    def record(self) -> dict[str, Any]:
        """The figures with the protocol that gave them and where they were made, for JSON."""
        figures = evaluation_record(
            self.evaluation, self.weights.recipe, self.options.seed, is_transductive=self.is_transductive
        )
        return {**figures, **self._protocol(), "weights": self.weights.name, **provenance()}

    def _protocol(self) -> dict[str, Any]:
        options, data = self.options, data_of(self.weights, self.options.data)
        return {
            "data": data,
            "split": options.split if data == "omniglot" else None,
            "part": options.part,
            "size": size_of(self.weights, options.size),
            "device": str(torch.device(options.device)),
            "sampling": "within one alphabet" if options.within_alphabet else "across all classes",
            "rotated": options.rotated,
            "ways": options.ways,
            "shots": options.shots[0] if len(options.shots) == 1 else list(options.shots),
            "queries": options.queries,
            "shuffled_labels": options.shuffled_labels,
        }


def setting_of(options: FewShotOptions) -> str:
    """Ways and shots as text.

    Args:
        options: On what was evaluated.
    """
    return f"{options.ways}-way {'+'.join(map(str, options.shots))}-shot"


def measure_few_shot(
    weights: Weights,
    options: FewShotOptions,
    progress: Progress | None = None,
    say: Callable[[str], object] = print,
) -> FewShotResult:
    """Accuracy, likelihood and calibration on the classes that the options choose.

    Args:
        weights: What to measure.
        options: On what, and how.
        progress: Called with the setting and the number of tasks that are done.
        say: Called with a message that names classes that are left out.

    Raises:
        UserError: if the weights were trained on these classes, or an option does not fit the weights or the data.
    """
    source = _source(weights, options, say)
    with answering_one_by_one(weights, options.inductive) as learner, memory_refused_clearly():
        tasks: Any = source(options.data_root).to(options.device)
        shown = shown_by(progress, setting_of(options))
        try:
            evaluation = evaluate(learner.to(options.device), tasks, options.tasks, options.seed, shown)
        except UserError as error:
            error.add_note(f"The tasks were {setting_of(options)}. --ways and --shots choose others.")
            raise
        return FewShotResult(weights, options, evaluation, learner.is_transductive)


def _source(weights: Weights, options: FewShotOptions, say: Callable[[str], object]) -> TaskSource:
    data = data_of(weights, options.data)
    if weights.labels == "strings":
        raise UserError(
            "These weights name classes by strings, which only sequences of omniglot have. Add --instances"
            + ("." if data == "omniglot" else ", and leave --data out.")
        )
    if options.data is None and weights.experiment.own_classes is not None:
        return own_source(weights, options.part, options.layout, options.data_root)
    if options.skip_small and not Path(data).is_dir():
        raise UserError(f"--skip-small was given, but it is for a folder of images, not for '{data}'. Leave it out.")
    if data == "omniglot":
        return omniglot_source(
            weights,
            options.split,
            options.part,
            options.layout,
            within_alphabet=options.within_alphabet,
            rotated=options.rotated,
            size=options.size,
        )
    if options.within_alphabet:
        raise UserError(f"--within-alphabet was given, but '{data}' has no alphabets. Leave it out.")
    if options.rotated:
        raise UserError(f"--rotated was given, but it is for omniglot's characters, not for '{data}'. Leave it out.")
    if data == "glyphs":
        return glyph_source(weights, options.part, options.layout, options.size)
    return folder_source(weights, Path(data), options.layout, options.size, skip_small=options.skip_small, say=say)
