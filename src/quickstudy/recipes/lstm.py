"""Baselines of Santoro et al. (2016), section 4.1: the sequence task without a memory."""

from quickstudy.core import Experiment, Optimisation
from quickstudy.core.recipe_options import variant
from quickstudy.learners import LSTM
from quickstudy.recipes._label_sequences import sequence_experiment, sequence_optimisation
from quickstudy.sources import LabelSequences, SequenceCharacters


def omniglot_lstm(
    *,
    is_recurrent: bool = True,
    sequences: LabelSequences = LabelSequences(),
    characters: SequenceCharacters = SequenceCharacters(),
    optimisation: Optimisation = sequence_optimisation(steps=15_000, tasks_per_step=32, learning_rate=2e-3),
) -> Experiment:
    """An LSTM on sequences of Omniglot's drawings with labels one step late: a baseline of MANN.

    Args:
        is_recurrent: Use an LSTM; switched off, a network that carries nothing from one drawing to the next.
        sequences: Training sequences.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    learner = LSTM(characters.size**2, labels=sequences.labels, max_ways=sequences.classes, is_recurrent=is_recurrent)
    return sequence_experiment(learner, sequences, characters, optimisation)


omniglot_feed_forward = variant(
    "omniglot_feed_forward",
    omniglot_lstm,
    "A network without memory on sequences of Omniglot's drawings: a baseline of MANN, which stays at chance.",
    is_recurrent=False,
    steps=1_500,
)
