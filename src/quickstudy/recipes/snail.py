"""SNAIL: the settings of Mishra et al. (2018), section 5.1."""

from quickstudy.core import Experiment, Optimisation, UserError
from quickstudy.learners import SNAIL
from quickstudy.networks import Conv4
from quickstudy.recipes._any_way import AnyWayEpisodes, any_way_experiment, any_way_optimisation
from quickstudy.recipes.characters import EpisodeCharacters
from quickstudy.tasks.sampling import highest


def omniglot_snail(
    *,
    max_shots: int = 5,
    label_scale: float = 8.0,
    equal_lengths: bool = True,
    shuffled_channels: float = 0.5,
    frozen_encoder: float = 0.0,
    episodes: AnyWayEpisodes = AnyWayEpisodes(),
    characters: EpisodeCharacters = EpisodeCharacters(generated=0.5, pool=(60, 6)),
    optimisation: Optimisation = any_way_optimisation(steps=5_000, tasks_per_step=16, learning_rate=5e-4),
) -> Experiment:
    """SNAIL on Omniglot: one set of weights for up to 20 ways and 5 shots.

    Start it from the encoder of a metric learner: `--start-from omniglot-protonet`.

    Args:
        max_shots: Shots at the highest number of ways; decides how far back the convolutions read.
        label_scale: Factor of a label's input. A larger one is not lost beside the 64 features of an image.
        equal_lengths: Scale embeddings to one length, so that products compare them as cosines do.
        shuffled_channels: Share of tasks whose embeddings have their channels in random order, against overfitting.
        frozen_encoder: Share of the training in which the encoder stays as it started; it saves two thirds of the cost.
        episodes: Training episodes.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    slots, most = episodes.slots, highest(episodes.ways) * highest(episodes.shots)
    if highest(episodes.shots) > max_shots and most > slots * max_shots:
        raise UserError(
            f"ways = {episodes.ways} and shots = {episodes.shots} make up to {most} support examples, but "
            f"max_ways = {slots} and max_shots = {max_shots} hold {slots * max_shots}. Give a higher max_shots."
        )
    encoder = Conv4(downsampling="pool")  # 64 features, with no linear layer behind.
    learner = SNAIL(
        encoder,
        encoder.num_features,
        max_ways=slots,
        max_examples=slots * max_shots,
        label_scale=label_scale,
        equal_lengths=equal_lengths,
        shuffled_channels=shuffled_channels,
    )
    return any_way_experiment(learner, episodes, characters, optimisation, frozen_encoder)


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
    return omniglot_snail(
        max_shots=max(5, highest(episodes.shots)),
        label_scale=1.0,
        equal_lengths=False,
        shuffled_channels=0.0,
        episodes=episodes,
        characters=characters,
        optimisation=optimisation,
    )
