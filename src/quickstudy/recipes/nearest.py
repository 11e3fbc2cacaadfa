"""The anchors: nearest neighbour on pixels, with nothing to train, and on the code of an autoencoder."""

from collections.abc import Callable
from functools import partial

from quickstudy.core import Experiment, Optimisation, TaskSource
from quickstudy.core.experiment import Data
from quickstudy.learners import AutoencoderNearest, Nearest
from quickstudy.recipes._label_sequences import sequence_experiment, sequence_optimisation
from quickstudy.sources import INK, LabelSequences, SequenceCharacters, glyph_episodes, omniglot_episodes
from quickstudy.tasks import Layout


def omniglot_nearest() -> Experiment:
    """Nearest neighbour on the pixels of Omniglot, by cosine. It has nothing to train."""
    return _nearest("omniglot", partial(omniglot_episodes, "lake", layout=Layout()))


def glyphs_nearest() -> Experiment:
    """Nearest neighbour on the pixels of generated characters. It has nothing to train."""
    return _nearest("glyphs", partial(glyph_episodes, layout=Layout()))


def _nearest(data: Data, episodes: Callable[..., TaskSource]) -> Experiment:
    return Experiment(
        learner=Nearest(),
        train=episodes(part="train"),
        validation=episodes(part="validation"),
        test={"5-way 1-shot": episodes(part="test")},
        optimisation=Optimisation(steps=0, tasks_per_step=1),
        input_range=INK,
        data=data,
    )


def omniglot_autoencoder(
    *,
    classes: int = 5,
    characters: SequenceCharacters = SequenceCharacters(jitter=False),
    optimisation: Optimisation = sequence_optimisation(steps=6_250, tasks_per_step=16, learning_rate=1e-3),
) -> Experiment:
    """Nearest neighbour on the code of an autoencoder: the deep features of the MANN paper's baseline.

    Args:
        classes: Classes in a sequence; only the evaluation depends on them.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    learner = AutoencoderNearest(characters.size**2)
    return sequence_experiment(learner, LabelSequences(classes=classes), characters, optimisation)
