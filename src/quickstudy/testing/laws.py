"""What is true of every learner at any time, trained or not. The name of each law says what it demands.

Each law raises LawBrokenError where it does not hold.
"""

import inspect
from collections.abc import Callable

import torch
from torch import Tensor

from quickstudy.core import (
    Learner,
    OnlineLearner,
    Tasks,
    leaves,
    map_state,
    select_tasks,
)
from quickstudy.testing.comparing import (
    adapt,
    answers,
    demand,
    demand_equal,
    inside,
    is_classification,
    num_ways,
    predict,
    same,
    summary,
)
from quickstudy.testing.module_laws import (
    every_parameter_gets_a_gradient,
    it_moves_between_precisions_and_devices,
    saved_and_loaded_it_predicts_the_same,
    tasks_that_share_their_examples_are_learnt_alike,
)


def tasks_lead_every_leaf_of_the_state(learner: Learner, tasks: Tasks) -> None:
    """The first dimension of every tensor of the state is the task, and a prediction has batch shape (T, Q).

    Args:
        learner: The learner, in eval mode and in float64.
        tasks: A few small tasks, in float64.
    """
    state = adapt(learner, tasks)
    num_tasks = len(tasks.support_x)
    for leaf in leaves(state):
        demand(
            leaf.ndim > 0 and leaf.shape[0] == num_tasks,
            f"a leaf of the state has shape {tuple(leaf.shape)}, but {num_tasks} tasks lead. "
            "Put the task dimension first in everything `adapt` returns.",
        )
    shape = predict(learner, state, tasks).batch_shape
    demand(
        shape[:2] == tasks.query_x.shape[:2],
        f"the prediction has batch shape {tuple(shape)}, but (T, Q) = {tuple(tasks.query_x.shape[:2])} was expected.",
    )


def a_batch_equals_a_loop_over_its_tasks(learner: Learner, tasks: Tasks) -> None:
    """A task has the same prediction with other tasks in its batch as alone.

    Args:
        learner: The learner, in eval mode and in float64.
        tasks: A few small tasks, in float64.
    """
    together = answers(learner, tasks)
    alone = torch.cat(
        [answers(learner, Tasks(*(field[task : task + 1] for field in tasks))) for task in range(len(together))]
    )
    demand_equal(together, alone, "a task is answered differently when others are in its batch")


def queries_do_not_see_each_other(learner: Learner, tasks: Tasks) -> None:
    """A query has the same prediction with other queries as alone, unless the learner is transductive.

    Args:
        learner: The learner, in eval mode and in float64.
        tasks: A few small tasks, in float64.
    """
    if learner.is_transductive:
        return
    state = adapt(learner, tasks)
    together = summary(predict(learner, state, tasks))
    alone = torch.cat(
        [
            summary(predict(learner, state, tasks._replace(query_x=tasks.query_x[:, [query]])))
            for query in range(tasks.query_x.shape[1])
        ],
        dim=1,
    )
    demand_equal(
        together, alone, "a query has another prediction beside other queries (declare `is_transductive` if so meant)"
    )


def the_order_of_the_support_does_not_matter(learner: Learner, tasks: Tasks) -> None:
    """Another order of the support gives the same prediction, unless the learner's `order_matters`.

    Args:
        learner: The learner, in eval mode and in float64.
        tasks: A few small tasks, in float64.
    """
    if learner.order_matters:
        return
    order = torch.randperm(tasks.support_x.shape[1], generator=torch.Generator().manual_seed(0))
    shuffled = tasks._replace(support_x=tasks.support_x[:, order], support_y=tasks.support_y[:, order])
    demand_equal(
        answers(learner, tasks),
        answers(learner, shuffled),
        "the order of the support changes the prediction (declare `order_matters` if so meant)",
    )


def a_sliced_state_predicts_the_same(learner: Learner, tasks: Tasks) -> None:
    """The state of a task gives the same prediction when it is taken out of its batch.

    Args:
        learner: The learner, in eval mode and in float64.
        tasks: A few small tasks, in float64.
    """
    state = adapt(learner, tasks)
    whole = summary(predict(learner, state, tasks))
    last = select_tasks(state, slice(-1, None))
    part = summary(predict(learner, last, Tasks(*(field[-1:] for field in tasks))))
    demand_equal(whole[-1:], part, "a task's state, taken out of its batch, predicts something else")


def nothing_is_mutated(learner: Learner, tasks: Tasks) -> None:
    """In eval mode, `adapt` and `predict` change neither the learner nor the state nor the tasks.

    Args:
        learner: The learner, in eval mode and in float64.
        tasks: A few small tasks, in float64.
    """
    before, given = inside(learner), [field.clone() for field in tasks]
    # Two supports, of which at most one can be what the learner may have kept from an earlier call.
    adapt(learner, tasks._replace(support_x=tasks.support_x.flip(1), support_y=tasks.support_y.flip(1)))
    kept = inside(learner)
    state = adapt(learner, tasks)
    held = map_state(torch.clone, state)
    first = summary(predict(learner, state, tasks))
    second = summary(predict(learner, state, tasks))
    demand(
        same(before, kept) and same(kept, inside(learner)),
        "`adapt` or `predict` changed the learner (an attribute, buffer or parameter) in eval mode. "
        "Put what a task teaches into the state.",
    )
    demand(same(leaves(held), leaves(state)), "`predict` changed the state")
    demand(same(given, list(tasks)), "`adapt` or `predict` changed the tasks they were given")
    demand_equal(first, second, "the same state and queries are answered differently a second time")


def relabelling_the_classes_relabels_the_prediction(learner: Learner, tasks: Tasks) -> None:
    # Where labels are slots this holds only on average: that is tested after training.
    """Other labels for the classes relabel the prediction and change nothing else, unless `labels_are_slots`.

    Args:
        learner: The learner, in eval mode and in float64.
        tasks: A few small tasks, in float64.
    """
    if not is_classification(tasks) or learner.labels_are_slots:
        return
    order = torch.arange(num_ways(tasks)).roll(1)
    relabelled = tasks._replace(support_y=order[tasks.support_y])
    demand_equal(
        answers(learner, tasks)[..., : len(order)],
        answers(learner, relabelled)[..., order],
        "calling the classes by other labels changes more than the labels of the answers "
        "(declare `labels_are_slots` if so meant)",
    )


def the_query_answers_stay_unseen(learner: Learner, tasks: Tasks) -> None:
    """The true answers of the queries do not change the prediction.

    Args:
        learner: The learner, in eval mode and in float64.
        tasks: A few small tasks, in float64.
    """
    wrong = tasks._replace(query_y=tasks.query_y.flip(1))
    demand_equal(answers(learner, tasks), answers(learner, wrong), "the queries' true answers change the prediction")


def extending_twice_equals_extending_once(learner: Learner, tasks: Tasks) -> None:
    """An online learner predicts the same if it reads the support in two parts.

    Args:
        learner: The learner, in eval mode and in float64.
        tasks: A few small tasks, in float64.
    """
    if not isinstance(learner, OnlineLearner):
        return
    half = tasks.support_x.shape[1] // 2
    with torch.no_grad():
        state = learner.prior(len(tasks.support_x))
        state = learner.extend(state, tasks.support_x[:, :half], tasks.support_y[:, :half])
        state = learner.extend(state, tasks.support_x[:, half:], tasks.support_y[:, half:])
        in_parts = summary(predict(learner, state, tasks))
    demand_equal(answers(learner, tasks), in_parts, "reading the support in two parts predicts something else")


def padding_changes_nothing(learner: Learner, tasks: Tasks) -> None:
    """Examples that `support_mask` leaves out do not change the prediction, if the learner takes a mask.

    Args:
        learner: The learner, in eval mode and in float64.
        tasks: A few small tasks, in float64.
    """
    reads = learner.extend if isinstance(learner, OnlineLearner) else learner.adapt
    if "support_mask" not in inspect.signature(reads).parameters:
        return
    padded, mask_TL = _padded(tasks)
    with torch.no_grad():
        state = learner.adapt(padded.support_x, padded.support_y, mask_TL)
        together = summary(predict(learner, state, padded))
    for task, is_real_L in enumerate(mask_TL):
        own = Tasks(*(field[task : task + 1] for field in padded))
        own = own._replace(support_x=own.support_x[:, is_real_L], support_y=own.support_y[:, is_real_L])
        alone = answers(learner, own)
        sliced = summary(predict(learner, select_tasks(state, [task]), own))
        complaint = "examples that `support_mask` leaves out change the prediction"
        known = slice(alone.shape[-1]) if is_classification(tasks) else slice(None)  # Others may know more classes.
        demand_equal(together[task : task + 1, ..., known], alone, complaint)
        demand_equal(sliced[..., known], alone, f"{complaint} from a sliced state")


def _padded(tasks: Tasks) -> tuple[Tasks, Tensor]:
    """The tasks with fewer and fewer examples, between which lies padding that is no number; and what is real."""
    num_tasks, num_support = tasks.support_y.shape[:2]
    generator = torch.Generator().manual_seed(0)
    order_TL = torch.rand(num_tasks, num_support + 2, generator=generator).argsort(dim=1)
    is_real_TL = order_TL < num_support - torch.arange(num_tasks)[:, None] % num_support
    source_TL = order_TL.clamp(max=num_support - 1)
    task_T1 = torch.arange(num_tasks)[:, None]
    support_x, support_y = tasks.support_x[task_T1, source_TL], tasks.support_y[task_T1, source_TL]
    support_x[~is_real_TL] = torch.nan
    support_y[~is_real_TL] = -7 if is_classification(tasks) else torch.nan
    return tasks._replace(support_x=support_x, support_y=support_y), is_real_TL


LAWS: tuple[Callable[[Learner, Tasks], None], ...] = (
    nothing_is_mutated,
    tasks_lead_every_leaf_of_the_state,
    a_batch_equals_a_loop_over_its_tasks,
    queries_do_not_see_each_other,
    the_order_of_the_support_does_not_matter,
    a_sliced_state_predicts_the_same,
    every_parameter_gets_a_gradient,
    tasks_that_share_their_examples_are_learnt_alike,
    relabelling_the_classes_relabels_the_prediction,
    the_query_answers_stay_unseen,
    saved_and_loaded_it_predicts_the_same,
    it_moves_between_precisions_and_devices,
    extending_twice_equals_extending_once,
    padding_changes_nothing,
)
