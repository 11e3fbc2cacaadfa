"""The weights that a protocol measures: the only module here that reads what is stored with them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quickstudy.core import Experiment, Learner, UserError
from quickstudy.pretrained import describe, load
from quickstudy.recipes import build
from quickstudy.recipes.seen import refuse_seen
from quickstudy.recipes.sources import Part, Split, refuse_leak


@dataclass(frozen=True)
class Weights:
    """Trained weights, or a learner that needs none, with the experiment that they are from."""

    name: str
    """What `quickstudy.load` calls them: a name, a run folder or a file."""
    learner: Learner
    """In eval mode."""
    experiment: Experiment
    header: Mapping[str, Any]

    @property
    def recipe(self) -> str:
        """Name of the recipe."""
        return str(self.header["recipe"])

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The recipe's arguments."""
        arguments: Mapping[str, Any] = self.header["arguments"]
        return arguments

    @property
    def is_trained(self) -> bool:
        """Whether there was a training, or several of which these are the mean."""
        return "step" in self.header or "averaged" in self.header

    @property
    def trained_on(self) -> str | None:
        """The data set, and of Omniglot the split. None where nothing was trained, or it was no data set."""
        if not self.is_trained or self.experiment.data is None:
            return None
        return " ".join([self.experiment.data, *filter(None, [self.arguments.get("split")])])

    @property
    def image_size(self) -> int:
        """The side of the images that the learner was built for, in pixels."""
        return int(self.arguments.get("size", 28))

    @property
    def labels(self) -> str:
        """How the learner reads the labels of a sequence: one-hot or strings."""
        return str(self.arguments.get("labels", "one-hot"))

    @property
    def training(self) -> dict[str, Any]:
        """How long the training was, and how many others it builds on."""
        return {
            "trainings_averaged": len(self.header.get("averaged") or ()),
            "trainings_before": len(self.header.get("before") or ()),
            "minutes": self.header.get("minutes"),
            "best_step": self.header.get("step"),
        }

    def refuse_classes(self, split: Split, part: Part) -> None:
        """Raise UserError if these weights, or those that they started from, were trained on classes of this part."""
        refuse_leak(self.header, split, part)

    def refuse_pictures(self, data_root: Path | None) -> None:
        """Raise UserError if the test has pictures that these weights were trained on."""
        refuse_seen(self.header, self.experiment, data_root, parts=("test",))


def open_weights(name: str | Path) -> Weights:
    """The learner and its experiment.

    Args:
        name: A name of trained weights, a run folder, or a file in one.

    Raises:
        UserError: if there is nothing of that name, or its weights are damaged.
    """
    header = describe(name)
    return Weights(str(name), load(name), build(header["recipe"], header["arguments"]), header)


@contextmanager
def answering_one_by_one(weights: Weights, inductive: bool) -> Iterator[Learner]:
    """The learner, which if `inductive` answers each query by itself; afterwards it is as before.

    Raises:
        UserError: if it answers each query by itself anyway.
    """
    learner = weights.learner
    if not inductive:
        yield learner
        return
    if not learner.is_transductive:
        raise UserError(
            f"--inductive was given, but '{weights.name}' answers each query by itself anyway. Leave it out."
        )
    learner.is_transductive = False
    try:
        yield learner
    finally:
        learner.is_transductive = True
