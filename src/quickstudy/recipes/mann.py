"""Memory-augmented networks: the sequence task of Santoro et al. (2016), and N-way K-shot episodes."""

from torch import nn

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import MANN
from quickstudy.learners.mann import Controller
from quickstudy.networks import Conv4
from quickstudy.networks.blur import Blur
from quickstudy.recipes._any_way import AnyWayEpisodes, any_way_experiment, any_way_optimisation
from quickstudy.recipes._label_sequences import LabelSequences, sequence_experiment, sequence_optimisation
from quickstudy.recipes.characters import EpisodeCharacters, SequenceCharacters


def omniglot_mann(
    *,
    sharpens: bool = True,
    frozen_encoder: float = 0.0,
    episodes: AnyWayEpisodes = AnyWayEpisodes(ways=(2, 20)),
    characters: EpisodeCharacters = EpisodeCharacters(generated=0.5, pool=(60, 6)),
    optimisation: Optimisation = any_way_optimisation(steps=5_000, tasks_per_step=32, learning_rate=6e-3),
) -> Experiment:
    """MANN with a convolutional encoder on N-way K-shot episodes: one set of weights for up to 20 ways.

    Start it from the encoder of a metric learner: `--start-from omniglot-protonet`.

    Args:
        sharpens: Let the controller choose how sharply a head reads; the paper's heads cannot.
        frozen_encoder: Share of the training in which the encoder stays as it started; it saves two thirds of the cost.
        episodes: Training episodes; each query is the next item after the support.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    encoder = Conv4(downsampling="pool")
    learner = MANN(
        encoder.num_features, encoder=encoder, max_ways=episodes.slots, sharpens=sharpens, labels_come="at once"
    )
    return any_way_experiment(learner, episodes, characters, optimisation, frozen_encoder)


def omniglot_mann_sequences(
    *,
    blur: float = 0.0,
    controller: Controller = "lstm",
    sharpens: bool = True,
    sharpest: float | None = None,
    sequences: LabelSequences = LabelSequences(),
    characters: SequenceCharacters = SequenceCharacters(),
    optimisation: Optimisation = sequence_optimisation(),
) -> Experiment:
    """MANN in its paper's own task: 20×20 pixels, no convolution, ten drawings of each class, labels one step late.

    The ports of the paper use RMSProp at a rate of 1e-4: `--optimiser rmsprop --learning-rate 1e-4`.

    Args:
        blur: Standard deviation, in pixels, of a blur of the images, which makes the learned filters smooth.
        controller: Network that drives the memory.
        sharpens: Let the controller choose how sharply a head reads; the paper's heads cannot. It learns far sooner.
        sharpest: Highest sharpness. A head that is too sharp gets no gradient.
        sequences: Training sequences.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    learner = MANN(
        characters.size**2,
        encoder=nn.Sequential(Blur(blur), nn.Flatten(2)) if blur else None,
        labels=sequences.labels,
        max_ways=sequences.classes,
        controller=controller,
        sharpens=sharpens,
        sharpest=sharpest,
    )
    return sequence_experiment(learner, sequences, characters, optimisation)
