"""`check_learner` catches a broken learner of each kind, and leaves a sound one as it was."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, Normal

from quickstudy.core import Learner, OnlineLearner, SharedTasks, Tasks, categorical
from quickstudy.learners import Nearest, ProtoNet
from quickstudy.learners.protonet import ProtoNetState
from quickstudy.networks import Conv4
from quickstudy.testing import LawBrokenError, check_learner


class LeaksQueries(Nearest):
    def predict(self, state, query_x):
        return super().predict(state, query_x - query_x.mean(dim=1, keepdim=True))


class LeaksTasks(Nearest):
    def adapt(self, support_x, support_y):
        return super().adapt(support_x - support_x.mean(dim=0, keepdim=True), support_y)


class RemembersTheTaskOnItself(Nearest):
    def adapt(self, support_x, support_y):
        self.last_support = support_x
        return super().adapt(support_x, support_y)


class CountsItsCallsInABuffer(Nearest):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def predict(self, state, query_x):
        self.calls += 1
        return super().predict(state, query_x)


class ChangesItsState(Nearest):
    def predict(self, state, query_x):
        prediction = super().predict(state, query_x)
        state.examples.mul_(0.5)
        return prediction


class IgnoresTheSupport(ProtoNet):
    def adapt(self, support_x, support_y):
        state = super().adapt(support_x, support_y)
        return ProtoNetState(torch.ones_like(state.prototypes).cumsum(dim=1), state.is_present)


class IgnoresTheSupportBehindSlots(IgnoresTheSupport):
    labels_are_slots = True


class FavoursALabel(Nearest):
    def predict(self, state, query_x):
        return categorical(super().predict(state, query_x).logits + F.one_hot(torch.tensor(0), state.members.shape[2]))


class DependsOnTheOrderOfTheSupport(Nearest):
    def predict(self, state, query_x):
        recent = torch.linspace(0.5, 1.0, state.examples.shape[1], dtype=query_x.dtype)
        similarity = query_x.flatten(2) @ state.examples.flatten(2).transpose(1, 2) * recent
        return categorical(similarity @ state.members.to(similarity.dtype))


class HasADeadParameter(ProtoNet):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__(encoder)
        self.unused = nn.Parameter(torch.zeros(3))


class PutsTasksLast(Nearest):
    def adapt(self, support_x, support_y):
        state = super().adapt(support_x, support_y)
        return state._replace(members=state.members.movedim(0, -1))

    def predict(self, state, query_x):
        return super().predict(state._replace(members=state.members.movedim(-1, 0)), query_x)


class ReadsPadding(ProtoNet):
    def adapt(self, support_x, support_y, support_mask=None):
        return super().adapt(support_x.nan_to_num(), support_y.clamp(min=0))


def _hide_scale(module, state, prefix, metadata) -> None:
    state.pop(prefix + "scale", None)


class KeepsItsWeightsToItself(ProtoNet):
    """Hides part of its weights from `state_dict`."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__(encoder)
        self.scale = nn.Parameter(torch.ones(()))
        self._register_state_dict_hook(_hide_scale)

    def predict(self, state, query_x):
        return categorical(super().predict(state, query_x).logits * self.scale)

    def meta_loss(self, tasks):
        return Learner.meta_loss(self, tasks)


class CentresTheWholePool(ProtoNet):
    def meta_loss(self, tasks):
        if isinstance(tasks, SharedTasks):
            tasks = tasks._replace(pool_x=tasks.pool_x - tasks.pool_x.mean(dim=0))
        return super().meta_loss(tasks)


class ReadsThePoolInOrder(ProtoNet):
    def meta_loss(self, tasks):
        if isinstance(tasks, SharedTasks):
            in_order = torch.arange(tasks.support_index.numel()).view_as(tasks.support_index)
            tasks = tasks._replace(support_index=in_order)
        return super().meta_loss(tasks)


def _encoder() -> Conv4:
    return Conv4(channels=8)


BROKEN = {
    "leaks queries": (LeaksQueries, "beside other queries"),
    "leaks tasks": (LeaksTasks, "others are in its batch"),
    "remembers the task on itself": (RemembersTheTaskOnItself, "changed the learner"),
    "counts its calls in a buffer": (CountsItsCallsInABuffer, "changed the learner"),
    "changes its state": (ChangesItsState, "changed the state"),
    "ignores the support": (lambda: IgnoresTheSupport(_encoder()), "labels"),
    "ignores the support behind slots": (lambda: IgnoresTheSupportBehindSlots(_encoder()), "depend on the support"),
    "favours a label": (FavoursALabel, "other labels"),
    "depends on the order of the support": (DependsOnTheOrderOfTheSupport, "order of the support"),
    "has a dead parameter": (lambda: HasADeadParameter(_encoder()), "no gradient reaches the parameter unused"),
    "centres the whole pool": (lambda: CentresTheWholePool(_encoder()), "share their examples"),
    "reads the pool in order": (lambda: ReadsThePoolInOrder(_encoder()), "share their examples"),
    "reads padding": (lambda: ReadsPadding(_encoder()), "`support_mask` leaves out"),
    "puts tasks last": (PutsTasksLast, "leaf of the state"),
    "keeps its weights to itself": (lambda: KeepsItsWeightsToItself(_encoder()), "do not load"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_learner_that(kind: str, tasks: Tasks) -> None:
    make, complaint = BROKEN[kind]
    with pytest.raises(LawBrokenError, match=complaint):
        check_learner(make(), tasks, training_steps=60)


def test_a_sound_learner_is_left_as_it_came(tasks: Tasks) -> None:
    learner = ProtoNet(_encoder()).train()
    before = copy.deepcopy(learner.state_dict())
    random_state = torch.get_rng_state()
    check_learner(learner, tasks, training_steps=40)
    assert learner.training
    assert all(torch.equal(before[name], value) for name, value in learner.state_dict().items())
    assert torch.equal(random_state, torch.get_rng_state())


class RunningClassSums(OnlineLearner):
    """Prototypes that can be extended: sums and counts of up to five classes."""

    def prior(self, num_tasks: int) -> tuple[Tensor, Tensor]:
        return torch.zeros(num_tasks, 5, 784), torch.zeros(num_tasks, 5)

    def extend(self, state, support_x, support_y):
        sums, counts = state
        members = F.one_hot(support_y, 5).to(support_x.dtype)
        return sums + members.transpose(1, 2) @ support_x.flatten(2), counts + members.sum(dim=1)

    def predict(self, state, query_x) -> Categorical:
        sums, counts = state
        means = sums / counts.clamp(min=1)[..., None]
        distance = torch.cdist(query_x.flatten(2), means.to(query_x.dtype)).square()
        return categorical((-distance).masked_fill(counts[:, None] == 0, -torch.inf))


class ForgetsWhatItHadRead(RunningClassSums):
    def extend(self, state, support_x, support_y):
        return super().extend(self.prior(len(support_x)), support_x, support_y)


def test_online_learners_may_read_the_support_in_parts(tasks: Tasks) -> None:
    assert "extending twice equals extending once" in check_learner(RunningClassSums(), tasks)
    with pytest.raises(LawBrokenError, match="in two parts"):
        check_learner(ForgetsWhatItHadRead(), tasks)


class MeanRegressor(Learner):
    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(()))

    def adapt(self, support_x, support_y):
        return (support_y.mean(dim=1),)

    def predict(self, state, query_x):
        mean = state[0][:, None].expand(-1, query_x.shape[1], -1)
        return Independent(Normal(mean, self.log_scale.exp().expand_as(mean)), 1)


def test_regressors_are_held_to_the_laws_that_concern_them() -> None:
    fields = (torch.randn(2, 4, 1), torch.randn(2, 4, 1), torch.randn(2, 3, 1), torch.randn(2, 3, 1))
    held = check_learner(MeanRegressor(), Tasks(*fields))
    assert "nothing is mutated" in held
    assert "training beats chance" not in held
