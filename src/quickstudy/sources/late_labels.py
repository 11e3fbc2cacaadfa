"""Sequences of drawings whose labels come one step late: the task of Santoro et al. (2016)."""

from dataclasses import dataclass

from quickstudy.core import TrainingSource, UserError
from quickstudy.sources.characters import SequenceCharacters
from quickstudy.sources.omniglot_tasks import Labels, sequence_labels
from quickstudy.tasks import Count, SequenceLayout, Stages
from quickstudy.tasks.sampling import highest
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
    few_letters: float = 0.0
    """Share of the training, its start, whose strings have one random letter, and after a third of it two."""

    def __post_init__(self) -> None:
        """Refuse letters where labels are no strings."""
        for name, given in (("letters", self.letters != STRING_LENGTH), ("few_letters", self.few_letters != 0)):
            if self.labels != "strings" and given:
                raise UserError(
                    f"{name} = {getattr(self, name)} was given, but labels = {self.labels!r} are no strings. "
                    "Add --labels strings."
                )

    def training(self, characters: SequenceCharacters) -> TrainingSource:
        """Sequences for training: easier ones first, if there are to be any.

        Args:
            characters: The characters that they are made of.
        """
        ends = sorted({self.short, self.few_letters / 3, self.few_letters} - {0.0})
        parts = [characters.training(self._layout_at(start)) for start in (0.0, *ends)]
        if not ends:
            return parts[0]
        return lambda data_root: Stages([part(data_root) for part in parts], ends)

    def _layout_at(self, fraction: float) -> SequenceLayout:
        """The layout of sequences after a share of the training."""
        layout = self.layout._replace(letters=self.letters, instances=self.instances)
        if fraction < self.short:
            layout = layout._replace(classes=(min(2, self.classes), self.classes), instances=_SHORT)
        if fraction < self.few_letters:
            few = 1 if fraction < self.few_letters / 3 else 2
            layout = layout._replace(letters=min(few, highest(self.letters)))
        return layout

    @property
    def layout(self) -> SequenceLayout:
        """The layout of a test sequence."""
        return SequenceLayout(self.classes, labels=sequence_labels(self.labels))
