"""The weights that a protocol measures: the only module here that reads what is stored with them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quickstudy import pretrained
from quickstudy.core import Experiment, Header, Learner, UserError
from quickstudy.protocols.lineage import refuse_leak, refuse_seen
from quickstudy.sources import Part, Split


@dataclass(frozen=True)
class Weights:
    """Trained weights, or a learner that needs none, with the experiment that they are from."""

    name: str
    """What `quickstudy.load` calls them: a name, a run folder or a file."""
    experiment: Experiment
    """Its learner has the weights and is in eval mode."""
    header: Header
    """What is stored with the weights."""

    @property
    def learner(self) -> Learner:
        """The learner with the weights."""
        return self.experiment.learner

    @property
    def recipe(self) -> str:
        """Name of the recipe."""
        return self.header.recipe

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The recipe's arguments."""
        return self.header.arguments

    @property
    def is_trained(self) -> bool:
        """Whether there was a training, or several of which these are the mean."""
        return self.header.is_trained

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
            "trainings_before": len(self.header.ancestors()) - 1,
            "minutes": self.header.minutes,
            "best_step": self.header.step,
        }

    def refuse_classes(self, split: Split, part: Part) -> None:
        """Refuse to evaluate on classes that these weights, or those that they started from, were trained on.

        Args:
            split: Split of Omniglot.
            part: Part of the split.

        Raises:
            UserError: if classes of that part are among them.
        """
        refuse_leak(self.header, split, part)

    def refuse_pictures(self, data_root: Path | None) -> None:
        """Refuse to evaluate on pictures that these weights, or those that they started from, were trained on.

        Args:
            data_root: Folder with the pictures.

        Raises:
            UserError: if pictures of the test are among them.
        """
        refuse_seen(self.header, self.experiment, data_root, parts=("test",))


def open_weights(name: str | Path) -> Weights:
    """The learner, its experiment and its header; the experiment is built once.

    Args:
        name: A name of trained weights, a run folder, or a file in one.

    Raises:
        UserError: if there is nothing of that name, or its weights are damaged.
    """
    opened = pretrained.open_weights(name)
    return Weights(str(name), opened.experiment, opened.header)


@contextmanager
def answering_one_by_one(weights: Weights, inductive: bool) -> Iterator[Learner]:
    """The learner, which predicts each query by itself if that is wished. Afterwards it is as before.

    Args:
        weights: What is measured.
        inductive: Predict each query by itself.

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
