"""The training that the learners of Santoro et al. (2016) share: sequences of drawings; each label is one step late."""

from quickstudy.core import Experiment, Learner, Optimisation
from quickstudy.sources import INK, LabelSequences, SequenceCharacters
from quickstudy.tasks.sampling import highest


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
