"""Memory-augmented networks: the sequence task of Santoro et al. (2016), and N-way K-shot episodes."""

from dataclasses import dataclass, replace

from torch import nn

from quickstudy.core import Experiment, Optimisation
from quickstudy.core.recipe_options import variant
from quickstudy.learners import MANN
from quickstudy.learners.mann import Controller, LabelTime
from quickstudy.networks.blur import Blur
from quickstudy.networks.memory import Erase, Time
from quickstudy.recipes._any_way import (
    FIXED_CHARACTERS,
    SharedEncoder,
    any_way_experiment,
    any_way_optimisation,
)
from quickstudy.recipes._label_sequences import sequence_experiment, sequence_optimisation
from quickstudy.sources import AnyWayEpisodes, EpisodeCharacters, LabelSequences, SequenceCharacters


@dataclass(frozen=True, kw_only=True)
class Memory:
    """MANN's controller, and how it uses the memory."""

    controller: Controller = "lstm"
    """Network that drives the memory; the feed-forward one is a single layer."""
    hidden: int = 200
    """Units of the controller."""
    heads: int = 4
    """Keys in a step; each writes and reads."""
    slots: int = 128
    """Rows of the memory."""
    width: int = 40
    """Numbers in a row."""
    usage_decay: float = 0.99
    """Share of a row's usage that is left after a step."""
    feeds_reads: bool = True
    """Give what was read to the controller's next step."""
    addresses: Time = "before"
    """Memory that the keys are compared with: before this step's writing, or after it."""
    reads: Time = "after"
    """Memory whose content is read: before this step's writing, or after it."""
    erase: Erase = "first"
    """Least-used rows that are erased before the writing: none, that of the first head, or those of all heads."""
    least_used: int | None = None
    """Number of least-used rows that each head writes to; None gives each head a row of its own."""
    labels_come: LabelTime = "late"
    """Labels come with the next example, as in the paper, or with their own."""
    only_queries: bool = False
    """Where labels come late, train on the answers to the queries only."""
    key_strength: bool = True
    """Let the controller choose how sharply a head reads; the paper's heads cannot. It learns far sooner."""
    max_key_strength: float | None = None
    """Highest key strength. A head that reads too sharply gets no gradient from other rows."""


def omniglot_mann(
    *,
    encoder: SharedEncoder = SharedEncoder(),
    memory: Memory = Memory(labels_come="at once"),
    episodes: AnyWayEpisodes = AnyWayEpisodes(ways=(2, 20)),
    characters: EpisodeCharacters = FIXED_CHARACTERS,
    optimisation: Optimisation = any_way_optimisation(steps=5_000, tasks_per_step=32, learning_rate=6e-3),
) -> Experiment:
    """MANN with a convolutional encoder on N-way K-shot episodes: one set of weights for up to 20 ways.

    Args:
        encoder: Encoder and its first weights.
        memory: Controller and memory.
        episodes: Training episodes; each query is the next item after the support.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    network = encoder.build()
    learner = MANN(network.num_features, encoder=network, max_ways=episodes.slots, **vars(memory))
    return any_way_experiment(learner, episodes, characters, optimisation, encoder)


def omniglot_mann_sequences(
    *,
    blur: float = 0.8,
    memory: Memory = Memory(),
    sequences: LabelSequences = LabelSequences(instances=(2, 10)),
    characters: SequenceCharacters = SequenceCharacters(copies=3, mirrored=True),
    optimisation: Optimisation = sequence_optimisation(
        steps=18_000, tasks_per_step=32, learning_rate=6e-3, weight_decay=0.05
    ),
) -> Experiment:
    """MANN in its paper's own task: 20×20 pixels, no convolution, ten drawings of each class, labels one step late.

    It starts from the weights for strings, which teach it more of the drawings than one-hot labels do. The ports of the
    paper use RMSProp at a rate of 1e-4: `--optimiser rmsprop --learning-rate 1e-4`.

    Args:
        blur: Standard deviation, in pixels, of a blur of the images, which makes the learned filters smooth.
        memory: Controller and memory.
        sequences: Training sequences.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    learner = MANN(
        characters.size**2,
        encoder=nn.Sequential(Blur(blur), nn.Flatten(2)) if blur else None,
        labels=sequences.labels,
        max_ways=sequences.classes,
        **vars(memory),
    )
    experiment = sequence_experiment(learner, sequences, characters, optimisation)
    return replace(experiment, starts_from="omniglot-mann-strings")


omniglot_mann_strings = variant(
    "omniglot_mann_strings",
    omniglot_mann_sequences,
    """MANN in its paper's own task, with classes named by strings of five letters, new ones in each sequence.

    Strings of few letters are learned far sooner, and teach the memory what strings of five need.
    """,
    starts_from=None,
    labels="strings",
    few_letters=0.45,
    steps=18_000,
    weight_decay=0.0,
)
