"""Identical agents may change places at any time, and a learner that is made of them does not notice."""

import pytest
import torch
from torch import Tensor, nn

from quickstudy.core import UserError
from quickstudy.learners import LSTM, ProtoNet
from quickstudy.networks.sensory_agents import Patches, SensoryAgents, shuffled


def _seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _seen(examples: int, agents: int = 12, numbers: int = 5) -> Tensor:
    return torch.randn(3, examples, agents, numbers, generator=_seeded(examples))


_LABELS = torch.tensor([[0, 1, 2, 0, 1, 2]]).expand(3, 6)


def test_shuffled_agents_describe_an_input_alike() -> None:
    torch.manual_seed(0)
    agents, seen = SensoryAgents(5), _seen(6)
    assert (agents(seen) - agents(shuffled(seen, _seeded()))).abs().max() < 1e-5


def test_the_description_depends_on_what_the_agents_see() -> None:
    torch.manual_seed(0)
    agents = SensoryAgents(5)
    assert (agents(_seen(6)) - agents(_seen(6) + 0.1)).abs().max() > 1e-3


def test_an_agent_shares_its_network_with_all_others() -> None:
    torch.manual_seed(0)
    agents, seen = SensoryAgents(5), _seen(2)
    twice = torch.cat([seen, seen], dim=2)  # Each attention weight is halved, and each message comes twice.
    assert torch.allclose(agents(seen), agents(twice), atol=1e-5)


def test_shuffling_gives_each_input_an_order_of_its_own_and_keeps_what_was_seen() -> None:
    seen = _seen(6)
    mixed = shuffled(seen, _seeded())
    assert not torch.equal(mixed, seen)
    assert torch.equal(mixed.sort(dim=2).values, seen.sort(dim=2).values)
    orders = torch.cdist(mixed, seen).argmin(dim=3)
    assert len({tuple(order) for order in orders.flatten(0, 1).tolist()}) == 18
    moved = seen.gather(2, orders[..., None].expand_as(seen))
    assert torch.equal(moved, mixed), "a whole agent moves, not single numbers"


def test_a_learner_of_agents_that_are_shuffled_in_mid_episode_answers_alike() -> None:
    torch.manual_seed(0)
    agents = SensoryAgents(5)
    learner = LSTM(agents.num_features, max_ways=3, hidden=16, encoder=agents, labels_come="at once").eval()
    x, query = _seen(6), _seen(4)
    begun = learner.extend(learner.prior(3), x[:, :3], _LABELS[:, :3])
    usual = learner.predict(learner.extend(begun, x[:, 3:], _LABELS[:, 3:]), query).probs
    rest = shuffled(x[:, 3:], _seeded(1))
    other = learner.predict(learner.extend(begun, rest, _LABELS[:, 3:]), shuffled(query, _seeded(2))).probs
    assert (usual - other).abs().max() < 1e-5
    unread = learner.predict(begun, query).probs
    assert (usual - unread).abs().max() > 1e-4, "the examples after the shuffle count"


def test_prototypes_of_shuffled_examples_answer_shuffled_queries_alike() -> None:
    torch.manual_seed(0)
    learner = ProtoNet(SensoryAgents(5)).eval()
    x, query = _seen(6), _seen(4)
    usual = learner.predict(learner.adapt(x, _LABELS), query).probs
    mixed_x = torch.cat([x[:, :3], shuffled(x[:, 3:], _seeded(1))], dim=1)
    other = learner.predict(learner.adapt(mixed_x, _LABELS), shuffled(query, _seeded(2))).probs
    assert (usual - other).abs().max() < 1e-5


def test_a_dense_network_notices_the_shuffle() -> None:
    torch.manual_seed(0)
    learner = ProtoNet(nn.Sequential(nn.Flatten(-2), nn.Linear(60, 32))).eval()
    x, query = _seen(6), _seen(4)
    state = learner.adapt(x, _LABELS)
    usual, other = (learner.predict(state, each).probs for each in (query, shuffled(query, _seeded(2))))
    assert (usual - other).abs().max() > 0.01


def test_patches_are_squares_of_the_image_row_by_row() -> None:
    image = torch.arange(2 * 5 * 5.0).view(1, 2, 5, 5)
    patches = Patches(side=3, stride=2)(image)
    assert patches.shape == (1, 4, 18)
    corners = ((0, 0), (0, 2), (2, 0), (2, 2))
    for patch, (row, column) in zip(patches[0], corners, strict=True):
        assert torch.equal(patch, image[0, :, row : row + 3, column : column + 3].flatten())


def test_agents_that_see_another_number_of_numbers_are_refused() -> None:
    agents = SensoryAgents(5)
    with pytest.raises(UserError, match=r"see 5 numbers each .* \(2, 3, 4\)"):
        agents(torch.zeros(2, 3, 4))
    with pytest.raises(UserError, match="see 5 numbers each"):
        agents(torch.zeros(2, 0, 5))
