"""What a sequence learner says at a step depends on the steps before it, and on nothing later.

Most leaks of a meta-learner are of this kind: a label that reaches the step that must predict it, a normalisation over
the whole sequence, or an attention without a mask.

Letters: T tasks, L steps.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from quickstudy.core import OnlineLearner
from quickstudy.testing.comparing import demand, summary

Answers = Callable[[Tensor, Tensor], Tensor | Distribution]


def answers_along(learner: OnlineLearner) -> Answers:
    """The function that `check_causality` needs, of a learner that reads examples one after another.

    At each step the learner predicts the answer to the input, and then reads the label. A learner with a method
    `predict_sequence(x, y)` gives all predictions in one pass. Otherwise they come from `extend` and `predict` in turn.

    Args:
        learner: in eval mode.
    """
    in_one_pass: Answers | None = getattr(learner, "predict_sequence", None)
    if in_one_pass is not None:
        return in_one_pass

    def step_by_step(x: Tensor, y: Tensor) -> Tensor:
        state, said = learner.prior(len(x)), []
        for step in range(x.shape[1]):
            said.append(summary(learner.predict(state, x[:, step : step + 1])))
            state = learner.extend(state, x[:, step : step + 1], y[:, step : step + 1])
        return torch.cat(said, dim=1)

    return step_by_step


def check_causality(answers: Answers, x: Tensor, y: Tensor, *, sees_own_label: bool = False) -> None:
    """Change the input or the label of one step after another, and compare the answers bit by bit.

    Args:
        answers: takes inputs and labels of sequences and gives what is said at every step: a tensor or a prediction
            whose first dimensions are (T, L). See `answers_along` for learners.
        x: inputs (T, L, *input).
        y: labels (T, L), class indices or values; or (T, L, *label).
        sees_own_label: the answer at a step may depend on the label of this step, as with blocks of a network that
            read inputs and labels together.

    Raises:
        LawBrokenError: if an answer depends on something that comes later, or if no answer depends on a label.
    """
    expected = _said(answers, x, y)
    is_read = False
    for step in range(x.shape[1]):
        found = _said(answers, _changed(x, step), y)
        demand(
            torch.equal(found[:, :step], expected[:, :step]),
            f"the input of step {step} changes an answer before it{_first_change(found, expected)}",
        )
        found, free = _said(answers, x, _changed(y, step)), step if sees_own_label else step + 1
        demand(
            torch.equal(found[:, :free], expected[:, :free]),
            f"the label of step {step} changes an answer that must not know it{_first_change(found, expected)}",
        )
        is_read = is_read or not torch.equal(found, expected)
    demand(is_read, "no label changes any answer. Does the learner read labels at all?")


def _said(answers: Answers, x: Tensor, y: Tensor) -> Tensor:
    with torch.no_grad():
        said: Any = answers(x, y)
    numbers: Tensor = said if isinstance(said, Tensor) else _numbers(said)
    demand(
        numbers.shape[:2] == x.shape[:2],
        f"the answers have shape {tuple(numbers.shape)}, but an answer for each of {tuple(x.shape[:2])} steps was "
        "expected",
    )
    return numbers


def _numbers(said: Distribution) -> Tensor:
    base: Any = getattr(said, "base_dist", said)  # Strings are independent letters; compare the letters.
    return summary(base)


def _changed(values: Tensor, step: int) -> Tensor:
    """The same values with others at one step: the next class, or a number that is larger by one."""
    other = values.clone()
    if values.is_floating_point():
        other[:, step] += 1
    else:
        other[:, step] = (values[:, step] + 1) % (values.max() + 1)
    return other


def _first_change(found: Tensor, expected: Tensor) -> str:
    is_other_L = (found != expected).transpose(0, 1).flatten(1).any(dim=1)
    return f": that of step {int(is_other_L.int().argmax())}."
