"""Sequences of drawings whose labels come one step late: the task of Santoro et al. (2016)."""

from dataclasses import dataclass

from quickstudy.core import TrainingSource, UserError
from quickstudy.sources.characters import SequenceCharacters
from quickstudy.sources.omniglot_tasks import Labels, sequence_labels
from quickstudy.tasks import Count, SequenceLayout, Stages
from quickstudy.tasks.sequences import STRING_LENGTH

_SHORT = (2, 4)
"""Drawings of each class in short sequences. The second drawing is learned first, and a short sequence costs little."""


@dataclass(frozen=True, kw_only=True)
class LabelSequences:
    """Training sequences: some drawings of each of a few classes, in random order."""

    classes: int = 5
    """Classes in a sequence."""
    instances: Count = 10
    """Drawings of each class in training: one number, or a range to draw from in each step. The test has ten."""
    labels: Labels = "one-hot"
    """One-hot, or strings of five letters, which are drawn anew for each sequence."""
    letters: Count = STRING_LENGTH
    """Letters of a string that are drawn: one number, or a range. The others repeat them, which is learned sooner."""
    short: float = 0.0
    """Share of the training, its start, whose sequences are short: two or more classes, two to four drawings each."""

    def __post_init__(self) -> None:
        """Refuse letters where labels are no strings."""
        if self.labels != "strings" and self.letters != STRING_LENGTH:
            raise UserError(
                f"letters = {self.letters} was given, but labels = {self.labels!r} are no strings. "
                "Add --labels strings."
            )

    def training(self, characters: SequenceCharacters) -> TrainingSource:
        """Sequences for training: short ones first, if there are to be any.

        Args:
            characters: The characters that they are made of.
        """
        layout = self.layout._replace(letters=self.letters, instances=self.instances)
        drawn = characters.training(layout)
        if not self.short:
            return drawn
        short = characters.training(layout._replace(classes=(min(2, self.classes), self.classes), instances=_SHORT))
        return lambda data_root: Stages([short(data_root), drawn(data_root)], [self.short])

    @property
    def layout(self) -> SequenceLayout:
        """The layout of a test sequence."""
        return SequenceLayout(self.classes, labels=sequence_labels(self.labels))
