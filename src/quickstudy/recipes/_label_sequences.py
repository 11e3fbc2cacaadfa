"""The training that the learners of Santoro et al. (2016) share: sequences of drawings; each label is one step late."""

from dataclasses import dataclass

from quickstudy.core import Experiment, Learner, Optimisation, TrainingSource, UserError
from quickstudy.recipes.characters import SequenceCharacters
from quickstudy.recipes.sources import INK, Labels, sequence_labels
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
    """How many letters of a string are drawn: one number, or a range. The others repeat them, which is learned
    sooner."""
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
        """Sequences of these characters: short ones first, if there are to be any."""
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


def sequence_optimisation(
    *, steps: int = 18_000, tasks_per_step: int = 16, learning_rate: float = 6e-3, weight_decay: float = 0.0
) -> Optimisation:
    """The schedule that these learners share, with its own length, size and rate."""
    return Optimisation(
        steps=steps,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        warmup_steps=100,
        gradient_clip=10.0,
        average_decay=0.999,
    )


def sequence_experiment(
    learner: Learner, sequences: LabelSequences, characters: SequenceCharacters, optimisation: Optimisation
) -> Experiment:
    """Train on such sequences of these characters."""
    validated = sequences.layout._replace(letters=highest(sequences.letters))
    return Experiment(
        learner=learner,
        train=sequences.training(characters),
        validation=characters.validation(validated),
        test={f"{sequences.classes} classes, {sequences.labels}": characters.test(sequences.layout)},
        optimisation=optimisation,
        validate_by="instances",
        validate_every=250,
        input_range=INK,
        data="omniglot",
    )
