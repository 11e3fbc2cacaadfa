"""Baselines of Santoro et al. (2016), section 4.1: the sequence task without a memory."""

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import LSTM
from quickstudy.recipes._label_sequences import LabelSequences, sequence_experiment, sequence_optimisation
from quickstudy.recipes.characters import SequenceCharacters


def omniglot_lstm(
    *,
    is_recurrent: bool = True,
    sequences: LabelSequences = LabelSequences(),
    characters: SequenceCharacters = SequenceCharacters(),
    optimisation: Optimisation = sequence_optimisation(),
) -> Experiment:
    """An LSTM, or a feed-forward network, on the sequences of `omniglot-mann-sequences`.

    Args:
        is_recurrent: Use an LSTM; switched off, a network that carries nothing from one drawing to the next.
        sequences: Training sequences.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    learner = LSTM(characters.size**2, labels=sequences.labels, max_ways=sequences.classes, is_recurrent=is_recurrent)
    return sequence_experiment(learner, sequences, characters, optimisation)
