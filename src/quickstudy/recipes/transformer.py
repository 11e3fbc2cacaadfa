"""In-context transformer on episodes of any number of ways."""

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import InContextTransformer
from quickstudy.recipes._any_way import (
    FIXED_CHARACTERS,
    SharedEncoder,
    any_way_experiment,
    any_way_optimisation,
)
from quickstudy.sources import AnyWayEpisodes, EpisodeCharacters


def omniglot_transformer(
    *,
    blocks: int = 2,
    first_heads: int | None = 1,
    equal_lengths: bool = True,
    shuffled_channels: float = 1.0,
    queries_start_as_keys: bool = True,
    key_gain: float | None = 1.7,
    compares_labels: bool = False,
    equal_classes: bool = True,
    encoder: SharedEncoder = SharedEncoder(),
    episodes: AnyWayEpisodes = AnyWayEpisodes(),
    characters: EpisodeCharacters = FIXED_CHARACTERS,
    optimisation: Optimisation = any_way_optimisation(steps=4_000, tasks_per_step=64, learning_rate=2e-4),
) -> Experiment:
    """In-context transformer on Omniglot: one set of weights for up to 20 ways and any shots.

    Args:
        blocks: Layers.
        first_heads: Heads of the first block, which then compares whole embeddings; None gives it four, as the others.
        equal_lengths: Scale embeddings to one length, so that products compare them as cosines do.
        shuffled_channels: Share of tasks whose embeddings have their channels in random order, against overfitting.
        queries_start_as_keys: Start the queries of attention with the weights of its keys.
        key_gain: Start the weights of its keys orthogonal, times this number: similar items then have similar keys.
        compares_labels: Let the first block compare support items with their labels.
        equal_classes: Read a class of many examples no more than one of few.
        encoder: Encoder and its first weights.
        episodes: Training episodes.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    network = encoder.build()
    learner = InContextTransformer(
        network,
        network.num_features,
        max_ways=episodes.slots,
        num_blocks=blocks,
        first_heads=first_heads,
        equal_lengths=equal_lengths,
        shuffled_channels=shuffled_channels,
        queries_start_as_keys=queries_start_as_keys,
        key_gain=key_gain,
        compares_labels=compares_labels,
        equal_classes=equal_classes,
    )
    return any_way_experiment(learner, episodes, characters, optimisation, encoder)
