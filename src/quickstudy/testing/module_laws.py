"""Laws of a learner as a module: its gradients, its file of weights, its precision and its device.

Each law raises LawBrokenError where it does not hold.
"""

import copy
import tempfile
from pathlib import Path

import torch

from quickstudy.core import Learner, SharedTasks, Tasks, load_checkpoint, move_state, save_checkpoint
from quickstudy.testing.comparing import LawBrokenError, adapt, answers, demand, demand_equal, predict, summary


def every_parameter_gets_a_gradient(learner: Learner, tasks: Tasks) -> None:
    """The meta-loss is a finite number, and its gradient reaches every parameter.

    Args:
        learner: The learner, in eval mode and in float64.
        tasks: A few small tasks, in float64.
    """
    trained = copy.deepcopy(learner).train()
    trained.zero_grad(set_to_none=True)
    loss = trained(tasks)
    demand(loss.ndim == 0 and bool(loss.isfinite()), f"the meta-loss is {loss}, but one finite number was expected")
    wanted = [(name, parameter) for name, parameter in trained.named_parameters() if parameter.requires_grad]
    if wanted:
        loss.backward()
    for name, parameter in wanted:
        demand(parameter.grad is not None, f"no gradient reaches the parameter {name}")


def tasks_that_share_their_examples_are_learnt_alike(learner: Learner, tasks: Tasks) -> None:
    # Every task twice, and the pool in random order, so that only the index says which example is whose.
    """The meta-loss is the same whether tasks share a pool of examples or hold their own.

    Args:
        learner: The learner, in eval mode and in float64.
        tasks: A few small tasks, in float64.
    """
    twice = Tasks(*(torch.cat([field, field]) for field in tasks))
    examples = torch.cat([tasks.support_x, tasks.query_x], dim=1)
    order = torch.randperm(examples.shape[:2].numel(), generator=torch.Generator().manual_seed(0))
    place_TE = order.argsort().view(examples.shape[:2]).repeat(2, 1)
    support_index, query_index = place_TE.split([tasks.support_x.shape[1], tasks.query_x.shape[1]], dim=1)
    pool_x = examples.flatten(0, 1)[order]
    shared = SharedTasks(pool_x, support_index, twice.support_y, query_index, twice.query_y)
    with torch.no_grad():
        one = learner(twice)
        try:
            other = learner(shared)
        except AttributeError as error:
            advice = "Let `meta_loss` call tasks.embedded(encoder), or tasks.gathered() for tasks as they were."
            raise LawBrokenError(f"{error}. {advice}") from error
    demand_equal(one, other, "the meta-loss depends on whether tasks share their examples")


def saved_and_loaded_it_predicts_the_same(learner: Learner, tasks: Tasks) -> None:
    """Weights that are saved and loaded again give the same prediction.

    Args:
        learner: The learner, in eval mode and in float64.
        tasks: A few small tasks, in float64.
    """
    expected = answers(learner, tasks)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "learner.safetensors"
        save_checkpoint(path, {name: value.clone() for name, value in learner.state_dict().items()}, {})
        tensors, _ = load_checkpoint(path)
    other = copy.deepcopy(learner)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1.0)  # So that what is not loaded shows.
    try:
        other.load_state_dict(tensors)
    except RuntimeError as error:
        demand(False, f"weights that were saved do not load: {error}")
    demand_equal(expected, answers(other, tasks), "weights that were saved and loaded predict something else")


def it_moves_between_precisions_and_devices(learner: Learner, tasks: Tasks) -> None:
    """The learner predicts the same in float32, in that precision, and on a GPU if there is one.

    Args:
        learner: The learner, in eval mode and in float64.
        tasks: A few small tasks, in float64.
    """
    single = copy.deepcopy(learner).float()
    coarse = answers(single, tasks.to("cpu", torch.float32))
    demand(coarse.dtype == torch.float32, f"in float32 it answers in {coarse.dtype}")
    demand(
        torch.allclose(coarse.double(), answers(learner, tasks), atol=1e-2, rtol=1e-2),
        "in float32 it answers differently than in float64",
    )
    if torch.cuda.is_available():
        moved = copy.deepcopy(learner).cuda()
        state = move_state(adapt(learner, tasks), "cuda")
        there = summary(predict(moved, state, tasks.to("cuda")))
        demand_equal(answers(learner, tasks), there.cpu(), "on another device it answers differently")
