"""The training that the learners of Santoro et al. (2016) share: sequences of drawings; each label is one step late."""

from functools import partial

from quickstudy.core import Experiment, Learner, Optimisation
from quickstudy.sources import INK, LabelSequences, SequenceCharacters
from quickstudy.tasks.sampling import highest

sequence_optimisation = partial(Optimisation, warmup_steps=100, gradient_clip=10.0, average_decay=0.999)
"""The schedule that these learners share, with its own length, size and rate."""


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
