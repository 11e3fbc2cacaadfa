import pytest
import torch

from quickstudy.core import UserError
from quickstudy.experiments import Archive, Bandit, Evolution, SelfModifyingMatrix, evolve, evolve_together


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def late(rewards: list[float]) -> float:
    return sum(rewards[-40:]) / 40


@pytest.fixture(scope="module")
def by_base() -> dict:
    settings = {base: Evolution(base=base, iterations=200, seed=0) for base in (None, 1.0, 2.0, 4.0, 10.0)}
    return {base: evolve(SelfModifyingMatrix(2), Bandit(), each) for base, each in settings.items()}


def test_on_a_bandit_mean_reward_rises_with_the_base(by_base) -> None:
    equal, low, middle, high = (late(by_base[base].rewards) for base in (1.0, 2.0, 4.0, 10.0))
    assert equal + 0.2 < low < high
    assert low - 0.01 < middle < high + 0.02  # Means of 1,280 executions.
    assert equal < 0.6
    assert high > 0.9


def test_without_fitness_reward_stays_at_chance_or_below(by_base) -> None:
    assert late(by_base[None].rewards) < 0.55


def test_better_buckets_are_executed_more_often(by_base) -> None:
    executions = by_base[4.0].executions
    reached = executions[3:]
    assert reached == sorted(reached)
    assert executions[-1] > 0.5 * sum(executions)


def test_the_same_seed_replays_the_same_evolution() -> None:
    settings = Evolution(iterations=5, seed=3)
    first, again = (evolve(SelfModifyingMatrix(2), Bandit(), settings) for _ in range(2))
    assert first.rewards == again.rewards
    assert torch.equal(first.archive.best(), again.archive.best())


def test_evolutions_that_run_together_share_no_solution() -> None:
    settings = Evolution(iterations=40, base=10.0, first=20)
    matrix = SelfModifyingMatrix(2, rule="none")
    found = evolve_together(matrix, Bandit(), settings, 3)
    generator = torch.Generator().manual_seed(settings.seed)
    for each in found:
        own = matrix.random(20, generator)
        assert len(each.rewards) == 40
        assert sum(each.executions) == 40 * settings.parallel
        assert all(any(torch.equal(stored, one) for one in own) for stored in each.archive.best())
    assert len({tuple(each.rewards) for each in found}) == 3


def test_without_self_modification_only_first_solutions_are_stored() -> None:
    settings = Evolution(iterations=10, first=20)
    matrix = SelfModifyingMatrix(2, rule="none")
    first = matrix.random(20, torch.Generator().manual_seed(settings.seed))
    stored = evolve(matrix, Bandit(), settings).archive.best()
    assert all(any(torch.equal(each, one) for one in first) for each in stored)


def test_a_solution_is_stored_by_its_fitness_and_the_newest_are_kept() -> None:
    archive = Archive(2.0, buckets=4, capacity=2)
    archive.begin(torch.arange(5.0)[:, None])
    archive.store(torch.tensor([[10.0], [11.0], [12.0], [13.0]]), torch.tensor([0.8, 0.9, 1.0, 0.3]))
    assert archive.sizes == [5, 1, 0, 2]
    assert len(archive) == 8
    assert archive.best().tolist() == [[11.0], [12.0]]
    assert [archive.bucket_of(fitness) for fitness in (0.0, 0.249, 0.25, 0.999, 1.0)] == [0, 0, 1, 3, 3]


def test_a_bucket_is_base_times_as_likely_as_the_next_worse_one() -> None:
    archive = Archive(3.0, buckets=4)
    archive.begin(torch.zeros(5, 1))
    archive.store(torch.ones(2, 1), torch.tensor([0.6, 0.9]))
    assert archive.likelihoods() == pytest.approx([1 / 37, 0, 9 / 37, 27 / 37])
    drawn, places = archive.draw(3700, seeded())
    assert drawn.shape == (3700, 1)
    assert places.count(3) == pytest.approx(2700, abs=150)
    assert all(float(one) == (place > 0) for one, place in zip(drawn, places, strict=True))


def test_at_base_one_buckets_are_equal_and_without_a_base_solutions_are() -> None:
    for base, expected in ((1.0, [0.5, 0.5]), (None, [0.75, 0.25])):
        archive = Archive(base, buckets=2)
        archive.begin(torch.zeros(3, 1))
        archive.store(torch.ones(1, 1), torch.ones(1))
        assert archive.likelihoods() == pytest.approx(expected)


def test_buckets_of_long_executions_may_be_spaced_by_logarithms() -> None:
    settings = Evolution(iterations=3, log_spaced=True)
    found = evolve(SelfModifyingMatrix(2), Bandit(length=100), settings)
    assert found.rewards[0] > 1, "the mean total, not the mean of a step"
    assert found.archive.sizes[8] > 0  # A total of 50 is log 50 / log 100 = 0.85.


@pytest.mark.parametrize("wrong", [{"base": 0.5}, {"base": 2.0, "buckets": 0}, {"base": 2.0, "capacity": 0}])
def test_numbers_below_one_are_refused(wrong: dict) -> None:
    with pytest.raises(UserError, match="from 1"):
        Archive(**wrong)
