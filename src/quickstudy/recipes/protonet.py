"""Prototypical Networks: the setting of Snell et al. (2017)."""

from quickstudy.core import Experiment, Optimisation
from quickstudy.core.recipe_options import variant
from quickstudy.learners import ProtoNet
from quickstudy.networks import Conv4, Downsampling, NumViews, Views
from quickstudy.recipes._episodes import episodes_experiment
from quickstudy.sources import INK, TEST_LAYOUTS, EpisodeCharacters, Pool, generated_training, glyph_episodes
from quickstudy.tasks import Layout


def omniglot_protonet(
    *,
    ways: int = 60,
    shots: int = 1,
    queries: int = 5,
    downsampling: Downsampling = "pool",
    residual: int = 0,
    views: NumViews = 5,
    characters: EpisodeCharacters = EpisodeCharacters(distortion=0.4, mirrored=True, pool=(60, 6)),
    optimisation: Optimisation = Optimisation(
        steps=14_000,
        tasks_per_step=6,
        learning_rate=2e-3,
        warmup_steps=200,
        average_decay=0.999,
        precision="bf16-mixed",
    ),
) -> Experiment:
    """Prototypical Networks on Omniglot, trained on 60-way episodes.

    Args:
        ways: Classes in a training episode. After training with more ways, embeddings separate classes better.
        shots: Support drawings of each class in training.
        queries: Queries of each class in training.
        downsampling: Max-pooling as in the paper, or strides at a third of the cost.
        residual: Residual convolutions after the second and after the third block; the paper has none.
        views: Shifts of an image by one pixel over which its embedding is averaged at prediction; training uses one.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    encoder = Conv4(downsampling=downsampling, residual=residual)
    learner = ProtoNet(Views(encoder, views))
    return episodes_experiment(learner, Layout(ways, shots, queries), characters, optimisation)


omniglot_encoder = variant(
    "omniglot_encoder",
    omniglot_protonet,
    """Prototypical Networks on Omniglot with residual convolutions in the encoder.

    It names new characters better than the paper's four convolutions do; a step takes a quarter more time.
    """,
    residual=2,
    steps=10_000,
    weight_decay=0.3,
)


def glyphs_protonet(
    *,
    ways: int = 60,
    shots: int = 1,
    queries: int = 5,
    downsampling: Downsampling = "stride",
    pool: Pool | None = (60, 6),
    optimisation: Optimisation = Optimisation(
        steps=10_000, tasks_per_step=6, learning_rate=2e-3, warmup_steps=100, average_decay=0.999
    ),
) -> Experiment:
    """Prototypical Networks on generated characters, new ones in each step. No data set is needed.

    Args:
        ways: Classes in a training episode.
        shots: Support drawings of each class in training.
        queries: Queries of each class in training.
        downsampling: Max-pooling as in the paper, or strides at a third of the cost.
        pool: Classes, and drawings of each, that all tasks of a step share; None gives each task its own drawings.
        optimisation: Optimiser and schedule.
    """
    return Experiment(
        learner=ProtoNet(Conv4(downsampling=downsampling)),
        train=generated_training(Layout(ways, shots, queries), pool),
        validation=glyph_episodes("validation", Layout(20, 1, 5)),
        test={title: glyph_episodes("test", layout) for title, layout in TEST_LAYOUTS.items()},
        optimisation=optimisation,
        input_range=INK,
        data="glyphs",
    )
