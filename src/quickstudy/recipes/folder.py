"""Learners trained on a user's own classes: a folder with a sub-folder of images for each class."""

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import MAML, SNAIL, InContextTransformer, MetaNet, ProtoNet
from quickstudy.networks.functional import FunctionalConv4
from quickstudy.recipes._any_way import any_way_optimisation
from quickstudy.recipes._folder_classes import FolderClasses, FolderEpisodes, folder_encoder, folder_experiment
from quickstudy.recipes.maml import ClassifyingInnerLoop
from quickstudy.tasks.sampling import highest

_SLOTS = 20
_SHORT = any_way_optimisation(steps=1_000, tasks_per_step=8, learning_rate=3e-4)


def folder_protonet(
    *,
    classes: FolderClasses = FolderClasses(),
    episodes: FolderEpisodes = FolderEpisodes(),
    optimisation: Optimisation = _SHORT,
) -> Experiment:
    """Prototypical Networks on your own classes of images.

    Args:
        classes: Your images.
        episodes: Training episodes.
        optimisation: Optimiser and schedule.
    """
    learner = ProtoNet(folder_encoder(classes))
    return folder_experiment(learner, classes, episodes, optimisation, "omniglot-encoder")


def folder_snail(
    *,
    classes: FolderClasses = FolderClasses(),
    episodes: FolderEpisodes = FolderEpisodes(),
    optimisation: Optimisation = _SHORT,
) -> Experiment:
    """SNAIL on your own classes of images, up to 20 in a task.

    Args:
        classes: Your images.
        episodes: Training episodes.
        optimisation: Optimiser and schedule.
    """
    encoder = folder_encoder(classes)
    learner = SNAIL(
        encoder,
        encoder.num_features,
        max_ways=_SLOTS,
        max_examples=_SLOTS * max(highest(episodes.shots), 5),
        filters=48,
        attention=[(64, 32), (128, 64), (256, 128)],
        label_scale=8.0,
        equal_lengths=True,
        shuffled_channels=0.5,
        first="attention",
        queries_start_as_keys=True,
    )
    return folder_experiment(learner, classes, episodes, optimisation, "omniglot-snail")


def folder_transformer(
    *,
    classes: FolderClasses = FolderClasses(),
    episodes: FolderEpisodes = FolderEpisodes(),
    optimisation: Optimisation = _SHORT,
) -> Experiment:
    """In-context transformer on your own classes of images, up to 20 in a task.

    Args:
        classes: Your images.
        episodes: Training episodes.
        optimisation: Optimiser and schedule.
    """
    encoder = folder_encoder(classes)
    learner = InContextTransformer(encoder, encoder.num_features, max_ways=_SLOTS)
    return folder_experiment(learner, classes, episodes, optimisation, "omniglot-transformer")


def folder_metanet(
    *,
    classes: FolderClasses = FolderClasses(),
    episodes: FolderEpisodes = FolderEpisodes(),
    optimisation: Optimisation = _SHORT,
) -> Experiment:
    """Meta Networks on your own classes of images, up to 20 in a task.

    Args:
        classes: Your images.
        episodes: Training episodes.
        optimisation: Optimiser and schedule.
    """
    encoder = folder_encoder(classes, keep_edge=True)
    learner = MetaNet(
        encoder, encoder.map_shape, max_ways=_SLOTS, num_gradients=3, sharpness=10.0, generator_for="each layer"
    )
    return folder_experiment(learner, classes, episodes, optimisation, "omniglot-metanet")


def folder_maml(
    *,
    inner: ClassifyingInnerLoop = ClassifyingInnerLoop(),
    classes: FolderClasses = FolderClasses(),
    episodes: FolderEpisodes = FolderEpisodes(ways=(2, 5)),
    optimisation: Optimisation = Optimisation(
        steps=300, tasks_per_step=8, learning_rate=1e-4, warmup_steps=50, gradient_clip=10.0, average_decay=0.99
    ),
) -> Experiment:
    """MAML on your own classes of images, as many in a task as the highest --ways.

    Args:
        inner: Training on the support of a task.
        classes: Your images.
        episodes: Training episodes.
        optimisation: Optimiser and schedule.
    """
    network = FunctionalConv4(
        highest(episodes.ways), head_deviation=0.0, in_channels=classes.channels, image_size=classes.size
    )
    return folder_experiment(MAML(network, **vars(inner)), classes, episodes, optimisation, "omniglot-maml")
