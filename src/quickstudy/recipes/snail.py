"""SNAIL: the settings of Mishra et al. (2018), section 5.1."""

from torch import nn

from quickstudy.core import Experiment, Optimisation
from quickstudy.core.recipe_options import variant
from quickstudy.learners import SNAIL
from quickstudy.learners.snail import First
from quickstudy.recipes._any_way import (
    AS_IN_PAPERS,
    FIXED_CHARACTERS,
    SharedEncoder,
    any_way_experiment,
    any_way_optimisation,
)
from quickstudy.sources import AnyWayEpisodes, EpisodeCharacters


def omniglot_snail(
    *,
    max_shots: int = 5,
    filters: int = 48,
    keys: tuple[int, ...] = (64, 128, 256),
    first: First = "attention",
    linear: bool = False,
    queries_start_as_keys: bool = True,
    key_gain: float | None = 2.0,
    compares_labels: bool = False,
    label_scale: float = 8.0,
    equal_lengths: bool = True,
    shuffled_channels: float = 1.0,
    encoder: SharedEncoder = SharedEncoder(),
    episodes: AnyWayEpisodes = AnyWayEpisodes(),
    characters: EpisodeCharacters = FIXED_CHARACTERS,
    optimisation: Optimisation = any_way_optimisation(steps=4_000, tasks_per_step=16, learning_rate=2e-3),
) -> Experiment:
    """SNAIL on Omniglot: one set of weights for up to 20 ways and 5 shots, a fifth of the paper's size.

    Args:
        max_shots: Shots at the highest number of ways; decides how far back the convolutions read.
        filters: Filters of each temporal convolution; the paper has 128.
        keys: Numbers of a key of each attention block; values have half as many. The paper has 64, 256 and 512.
        first: First block: attention, as in the paper's text, or convolutions, as in its figure.
        linear: Put a linear layer of 64 units behind the encoder, as the paper does.
        queries_start_as_keys: Start the queries of attention with the weights of its keys.
        key_gain: Start the weights of its keys orthogonal, times this number: similar items then have similar keys.
        compares_labels: Let the first block compare items with their labels and with themselves, as in the paper.
        label_scale: Factor of a label's input. A larger one is not lost beside the 64 features of an image.
        equal_lengths: Scale embeddings to one length, so that products compare them as cosines do.
        shuffled_channels: Share of tasks whose embeddings have their channels in random order, against overfitting.
        encoder: Encoder and its first weights.
        episodes: Training episodes.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    episodes.refuse_more_than(max_shots)
    network = encoder.build()
    num_features = network.num_features
    learner = SNAIL(
        nn.Sequential(network, nn.Linear(num_features, num_features)) if linear else network,
        num_features,
        max_ways=episodes.slots,
        max_examples=episodes.slots * max_shots,
        filters=filters,
        attention=[(size, size // 2) for size in keys],
        label_scale=label_scale,
        equal_lengths=equal_lengths,
        shuffled_channels=shuffled_channels,
        first=first,
        queries_start_as_keys=queries_start_as_keys,
        key_gain=key_gain,
        compares_labels=compares_labels,
    )
    return any_way_experiment(learner, episodes, characters, optimisation, encoder)


omniglot_snail_paper = variant(
    "omniglot_snail_paper",
    omniglot_snail,
    """SNAIL on Omniglot as in its paper: fixed ways and shots, trained from nothing.

    The paper gives no number of tasks in a step, no learning rate and no number of steps. It has one query in a task;
    here each class has one, because images take most of the time.
    """,
    starts_from=None,
    max_shots=1,
    filters=128,
    keys=(64, 256, 512),
    linear=True,
    queries_start_as_keys=False,
    key_gain=None,
    compares_labels=True,
    label_scale=1.0,
    equal_lengths=False,
    shuffled_channels=0.0,
    shots=1,
    steps=12_000,
    tasks_per_step=8,
    learning_rate=5e-4,
    **AS_IN_PAPERS,
)
