"""DeltaNet on episodes of any number of ways, behind the encoder of a metric learner."""

from dataclasses import dataclass, replace

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import DeltaNet
from quickstudy.networks import Conv4, NumViews, Views
from quickstudy.networks.delta_rule import Features, Rule
from quickstudy.recipes._any_way import AnyWayEpisodes, any_way_experiment, any_way_optimisation
from quickstudy.recipes.characters import EpisodeCharacters


@dataclass(frozen=True, kw_only=True)
class FastWeights:
    """The layers of fast weights, and how they write."""

    rule: Rule = "delta"
    """Write the difference between a value and what is read at its key, or the value itself (linear attention)."""
    features: Features = "dpfp"
    """Feature map of keys and queries: elu + 1, or products of neighbours, which are larger."""
    degree: int = 1
    """Degree of the features "dpfp": they have 2·degree numbers for each of a key."""
    channels: int = 256
    """Numbers of an item."""
    num_blocks: int = 2
    """Layers."""
    num_heads: int = 16
    """Heads of each layer."""
    hidden: int = 256
    """Width between the two layers of a block's perceptron."""
    normalises: bool = True
    """Scale each example's features to mean zero and variance one. It learns several times as fast."""


def omniglot_delta_net(
    *,
    views: NumViews = 5,
    frozen_encoder: float = 1.0,
    fast_weights: FastWeights = FastWeights(),
    episodes: AnyWayEpisodes = AnyWayEpisodes(),
    characters: EpisodeCharacters = EpisodeCharacters(distortion=0.4, generated=0.5, pool=(24, 6)),
    optimisation: Optimisation = replace(
        any_way_optimisation(steps=400, tasks_per_step=32, learning_rate=3e-3),
        warmup_steps=100,
        average_decay=0.99,
        precision="bf16-mixed",
    ),
) -> Experiment:
    """DeltaNet on Omniglot: one set of weights for up to 20 ways and any shots.

    It starts from the encoder of Prototypical Networks.

    Args:
        views: Shifts of an image by one pixel over which its embedding is averaged while the encoder is frozen, and at
            prediction.
        frozen_encoder: Share of the training in which the encoder stays as it started; it saves two thirds of the cost.
        fast_weights: Layers of fast weights.
        episodes: Training episodes; each query is the next item after the support.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    encoder = Conv4(downsampling="pool")
    learner = DeltaNet(
        encoder.num_features, encoder=Views(encoder, views), max_ways=episodes.slots, **vars(fast_weights)
    )
    experiment = any_way_experiment(learner, episodes, characters, optimisation, frozen_encoder)
    # Generated characters do not rank weights as real ones do. So a final training keeps its last weights.
    every = max(optimisation.steps, 1) if characters.final else experiment.validate_every
    return replace(experiment, starts_from="omniglot-protonet", validate_every=every)
