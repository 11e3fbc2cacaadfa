"""The training that the learners of Santoro et al. (2016) share: sequences of drawings, each named one step late."""

from typing import Literal

from quickstudy.core import Experiment, Learner, UserError
from quickstudy.recipes.sources import (
    INK,
    Labels,
    Split,
    omniglot_sequences,
    refuse_size,
    sequence_labels,
    sequence_training,
    sequence_validation,
)
from quickstudy.tasks import Augmentation, Count, Jitter, SequenceLayout
from quickstudy.tasks.sequences import STRING_LENGTH

Optimiser = Literal["adam", "rmsprop"]


def sequence_experiment(
    learner: Learner,
    *,
    split: Split,
    classes: int,
    instances: Count = 10,
    labels: Labels,
    letters: int = STRING_LENGTH,
    size: int,
    jitter: bool,
    distortion: float = 0.0,
    final: bool,
    generated: float = 0.0,
    copies: int = 0,
    mirrored: bool = False,
    tasks_per_step: int,
    optimiser: Optimiser,
    learning_rate: float,
    weight_decay: float = 0.0,
    steps: int,
) -> Experiment:
    """Train on sequences of ten drawings of each class, of characters in four rotations."""
    refuse_size(size)
    if labels != "strings" and letters != STRING_LENGTH:
        raise UserError(
            f"Strings of {letters} drawn letters were asked for, but labels are {labels}. Add --labels strings."
        )
    layout = SequenceLayout(classes, labels=sequence_labels(labels))
    looked_at = layout._replace(letters=letters)
    training = looked_at._replace(instances=instances, jitter=_change(jitter, distortion))
    return Experiment(
        learner=learner,
        train=sequence_training(split, final, training, size, generated, copies, mirrored),
        validation=sequence_validation(split, final, looked_at, size),
        test={f"{classes} classes, {labels}": omniglot_sequences(split, "test", layout, size=size)},
        steps=steps,
        tasks_per_step=tasks_per_step,
        optimiser=optimiser,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        warmup_steps=100,
        gradient_clip=10.0,
        average_decay=0.999,
        validate_by="instances",
        validate_every=250,
        input_range=INK,
        data="omniglot",
    )


def _change(jitter: bool, distortion: float) -> Jitter | Augmentation | None:
    """As `training_change`, for smaller images."""
    if distortion:
        return Augmentation(shift=1.5, displacement=1.1).times(distortion)
    return Jitter(shift=1.5) if jitter else None
