import pytest
import torch

from quickstudy.core import UserError
from quickstudy.tasks import Episodes, GaussianProcesses, Layout, Mixture, PointLayout, SharedEpisodes

LAYOUT = Layout(ways=3, shots=1, queries=2)


def seeded(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def constant(value, layout=LAYOUT) -> Episodes:
    """Tasks all of whose inputs are one number."""
    return Episodes(torch.full((6, 5, 1), float(value)), layout)


def kinds_drawn(mixture, batches=400) -> torch.Tensor:
    generator = seeded()
    return torch.stack([mixture.sample(2, generator).support_x.unique() for _ in range(batches)])


def test_every_batch_is_of_one_kind_and_kinds_come_as_often_as_their_shares_say():
    drawn = kinds_drawn(Mixture([constant(1), constant(2)], [3.0, 1.0]))
    assert drawn.shape == (400, 1)
    assert (drawn == 2).float().mean().item() == pytest.approx(0.25, abs=0.08)


def test_the_same_generator_state_draws_the_same_tasks():
    mixture = Mixture([constant(1), constant(2)], [0.5, 0.5])
    first, again = ([mixture.sample(2, generator) for _ in range(20)] for generator in (seeded(1), seeded(1)))
    for one, two in zip(first, again, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_one_part_alone_is_that_part():
    assert set(kinds_drawn(Mixture([constant(7)], [1.0]), 10).flatten().tolist()) == {7.0}


def test_tasks_that_share_a_pool_can_be_a_kind():
    shared = SharedEpisodes(constant(1, Layout(4, 1, 4)), LAYOUT)
    assert Mixture([shared], [1.0]).sample(3, seeded()).support_index.shape == (3, 3)


def test_a_mixture_moves_with_all_its_parts():
    mixture = Mixture([constant(1), constant(2)], [0.5, 0.5]).to("meta")
    assert mixture.device.type == "meta"
    assert all(part.device.type == "meta" for part in mixture.parts)


def test_parts_on_different_devices_are_refused():
    with pytest.raises(UserError, match="different devices"):
        Mixture([constant(1), constant(2).to("meta")], [0.5, 0.5])


@pytest.mark.parametrize("shares", [[1.0], [1.0, 0.0], [1.0, -1.0], [1.0, 1.0, 1.0]])
def test_shares_that_do_not_fit_are_refused(shares):
    with pytest.raises(UserError, match="positive share"):
        Mixture([constant(1), constant(2)], shares)


def test_its_layout_has_the_points_of_the_first_part_and_the_support_of_all():
    parts = [GaussianProcesses(PointLayout(support, 5)) for support in ((3, 9), (0, 4), (50, 200))]
    assert Mixture(parts, [1.0, 1.0, 1.0]).layout == PointLayout((0, 200), 5)
    assert Mixture([constant(1), constant(2)], [1.0, 1.0]).layout is None


def test_tasks_of_a_batch_share_their_kind():
    assert Mixture([constant(1), constant(2)], [1.0, 1.0]).draws_by_batch
    assert not constant(1).draws_by_batch
    assert constant(1, Layout(ways=(2, 3), shots=1, queries=2)).draws_by_batch
