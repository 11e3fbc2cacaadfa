"""What changes the weights, and when: the optimiser, its learning rate, and parts that are frozen."""

import math
from contextlib import AbstractContextManager, nullcontext

from torch import nn
from torch.optim import SGD, AdamW, Optimizer, RMSprop

from quickstudy.core import Experiment, Learner, Optimisation, UserError
from quickstudy.evaluation.encoding_once import encoding_once


def make_optimiser(learner: nn.Module, optimisation: Optimisation) -> Optimizer:
    """The optimiser of all weights of a learner, also of frozen parts.

    Args:
        learner: has the weights.
        optimisation: the kind of the optimiser and its settings.
    """
    parameters, rate, decay = learner.parameters(), optimisation.learning_rate, optimisation.weight_decay
    if optimisation.optimiser == "rmsprop":
        return RMSprop(parameters, lr=rate, alpha=0.95, momentum=0.9, weight_decay=decay)
    if optimisation.optimiser == "sgd":
        return SGD(parameters, lr=rate, weight_decay=decay)
    return AdamW(parameters, lr=rate, weight_decay=decay)


def learning_rate(optimisation: Optimisation, step: int, fraction: float) -> float:
    """The learning rate of a step. It rises linearly over the warm-up, then falls along a half cosine to zero.

    Args:
        optimisation: the highest learning rate and the warm-up.
        step: the number of the step, from 0.
        fraction: the share of the training that is over, from 0 to 1.
    """
    rise = min(1.0, (step + 1) / max(1, optimisation.warmup_steps))
    return optimisation.learning_rate * rise * 0.5 * (1 + math.cos(math.pi * fraction))


def freeze(learner: nn.Module, parts: tuple[str, ...], is_frozen: bool) -> None:
    """Freeze parts of a learner with their running statistics, or train them.

    What holds no statistics stays in training mode, so a frozen encoder can still treat training images differently.

    Args:
        learner: has the parts.
        parts: their names.
        is_frozen: True to freeze them, False to train them.
    """
    for name in parts:
        part = learner.get_submodule(name).requires_grad_(not is_frozen)
        for module in part.modules():
            if next(module.buffers(recurse=False), None) is not None:
                module.train(not is_frozen)


def frozen_encoder_once(experiment: Experiment, learner: Learner) -> AbstractContextManager[None]:
    """A context in which an encoder that is frozen to the end reads each input once, if inputs come again.

    Args:
        experiment: says what is frozen, and whether inputs come again.
        learner: has the encoder.
    """
    is_frozen_to_the_end = "encoder" in experiment.frozen and experiment.frozen_share == 1
    return encoding_once(learner) if experiment.inputs_come_again and is_frozen_to_the_end else nullcontext()


def begin_frozen(experiment: Experiment, learner: nn.Module, num_processes: int) -> None:
    """Freeze what is frozen in the first step.

    Processes that share gradients agree on the trained parameters once, at the start.

    Args:
        experiment: says what is frozen, and for which share of the training.
        learner: has the parts.
        num_processes: how many processes train.

    Raises:
        UserError: if several processes train, and parts are frozen for a share of the training.
    """
    if experiment.frozen and 0 < experiment.frozen_share < 1 and num_processes > 1:
        raise UserError(
            f"The {', '.join(experiment.frozen)} is frozen for a share of {experiment.frozen_share} of the training. "
            "This works in one process only. Give a share of 0 or 1, or --devices 1."
        )
    freeze(learner, experiment.frozen, experiment.frozen_share > 0)
