"""The anchor: nearest neighbour on pixels, with nothing to train."""

from quickstudy.core import Experiment
from quickstudy.learners import Nearest
from quickstudy.recipes.sources import glyph_episodes, omniglot_episodes
from quickstudy.tasks import Layout


def omniglot_nearest() -> Experiment:
    """Nearest neighbour on pixels by cosine: proves the data right, and has nothing to train."""
    return Experiment(
        learner=Nearest(),
        train=omniglot_episodes("lake", "train", Layout()),
        validation=omniglot_episodes("lake", "validation", Layout()),
        test={"5-way 1-shot": omniglot_episodes("lake", "test", Layout())},
        steps=0,
        tasks_per_step=1,
    )


def glyphs_nearest() -> Experiment:
    """Nearest neighbour on the pixels of generated characters."""
    return Experiment(
        learner=Nearest(),
        train=glyph_episodes("train", Layout()),
        validation=glyph_episodes("validation", Layout()),
        test={"5-way 1-shot": glyph_episodes("test", Layout())},
        steps=0,
        tasks_per_step=1,
    )
