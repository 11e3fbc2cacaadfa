"""The anchors: nearest neighbour on pixels, with nothing to train, and on the code of an autoencoder."""

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import AutoencoderNearest, Nearest
from quickstudy.recipes._label_sequences import sequence_experiment, sequence_optimisation
from quickstudy.sources import INK, LabelSequences, SequenceCharacters, glyph_episodes, omniglot_episodes
from quickstudy.tasks import Layout

_NOTHING = Optimisation(steps=0, tasks_per_step=1)


def omniglot_nearest() -> Experiment:
    """Nearest neighbour on the pixels of Omniglot, by cosine. It has nothing to train and shows that data are right."""
    return Experiment(
        learner=Nearest(),
        train=omniglot_episodes("lake", "train", Layout()),
        validation=omniglot_episodes("lake", "validation", Layout()),
        test={"5-way 1-shot": omniglot_episodes("lake", "test", Layout())},
        optimisation=_NOTHING,
        input_range=INK,
        data="omniglot",
    )


def glyphs_nearest() -> Experiment:
    """Nearest neighbour on the pixels of generated characters. It has nothing to train."""
    return Experiment(
        learner=Nearest(),
        train=glyph_episodes("train", Layout()),
        validation=glyph_episodes("validation", Layout()),
        test={"5-way 1-shot": glyph_episodes("test", Layout())},
        optimisation=_NOTHING,
        input_range=INK,
        data="glyphs",
    )


def omniglot_autoencoder(
    *,
    classes: int = 5,
    characters: SequenceCharacters = SequenceCharacters(jitter=False),
    optimisation: Optimisation = sequence_optimisation(steps=6_250, learning_rate=1e-3),
) -> Experiment:
    """Nearest neighbour on the code of an autoencoder: the deep features of the MANN paper's baseline.

    Args:
        classes: Classes in a sequence; only the evaluation depends on them.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    learner = AutoencoderNearest(characters.size**2)
    return sequence_experiment(learner, LabelSequences(classes=classes), characters, optimisation)
