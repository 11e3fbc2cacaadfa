"""SNAIL: the settings of Mishra et al. (2018), section 5.1."""

from quickstudy.core import Experiment, Optimisation, UserError
from quickstudy.learners import SNAIL
from quickstudy.networks import Conv4
from quickstudy.recipes._any_way import (
    HEAD_CHARACTERS,
    AnyWayEpisodes,
    SharedEncoder,
    any_way_experiment,
    any_way_optimisation,
)
from quickstudy.recipes.characters import EpisodeCharacters
from quickstudy.tasks.sampling import highest


def omniglot_snail(
    *,
    max_shots: int = 5,
    filters: int = 48,
    keys: tuple[int, ...] = (64, 128, 256),
    label_scale: float = 8.0,
    equal_lengths: bool = True,
    shuffled_channels: float = 0.5,
    encoder: SharedEncoder = SharedEncoder(),
    episodes: AnyWayEpisodes = AnyWayEpisodes(),
    characters: EpisodeCharacters = HEAD_CHARACTERS,
    optimisation: Optimisation = any_way_optimisation(
        steps=5_000, tasks_per_step=16, learning_rate=1e-3, precision="bf16-mixed"
    ),
) -> Experiment:
    """SNAIL on Omniglot: one set of weights for up to 20 ways and 5 shots, a fifth of the paper's size.

    Args:
        max_shots: Shots at the highest number of ways; decides how far back the convolutions read.
        filters: Filters of each temporal convolution; the paper has 128.
        keys: Numbers of a key of each attention block; values have half as many. The paper has 64, 256 and 512.
        label_scale: Factor of a label's input. A larger one is not lost beside the 64 features of an image.
        equal_lengths: Scale embeddings to one length, so that products compare them as cosines do.
        shuffled_channels: Share of tasks whose embeddings have their channels in random order, against overfitting.
        encoder: Encoder and its first weights.
        episodes: Training episodes.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    _refuse_long(episodes, max_shots)
    network = encoder.build()
    learner = SNAIL(
        network,
        network.num_features,
        max_ways=episodes.slots,
        max_examples=episodes.slots * max_shots,
        filters=filters,
        attention=[(size, size // 2) for size in keys],
        label_scale=label_scale,
        equal_lengths=equal_lengths,
        shuffled_channels=shuffled_channels,
    )
    return any_way_experiment(learner, episodes, characters, optimisation, encoder)


def omniglot_snail_paper(
    *,
    episodes: AnyWayEpisodes = AnyWayEpisodes(max_ways=None, ways=5),
    characters: EpisodeCharacters = EpisodeCharacters(split="vinyals", jitter=False),
    optimisation: Optimisation = any_way_optimisation(steps=100_000, tasks_per_step=32, learning_rate=1e-4),
) -> Experiment:
    """SNAIL on Omniglot as in its paper: fixed ways, trained from nothing.

    The paper gives no number of tasks in a step, no learning rate and no number of steps; they are those of ports.

    Args:
        episodes: Training episodes; the paper has one query in a task.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    encoder = Conv4(downsampling="pool")
    most = episodes.slots * max(5, highest(episodes.shots))
    learner = SNAIL(encoder, encoder.num_features, max_ways=episodes.slots, max_examples=most)
    return any_way_experiment(learner, episodes, characters, optimisation)


def _refuse_long(episodes: AnyWayEpisodes, max_shots: int) -> None:
    slots, most = episodes.slots, highest(episodes.ways) * highest(episodes.shots)
    if highest(episodes.shots) > max_shots and most > slots * max_shots:
        raise UserError(
            f"ways = {episodes.ways} and shots = {episodes.shots} make up to {most} support examples, but "
            f"max_ways = {slots} and max_shots = {max_shots} hold {slots * max_shots}. Give a higher max_shots."
        )
