import pytest

from quickstudy.core import UserError
from quickstudy.sources import AnyWayEpisodes
from quickstudy.tasks import UnevenShots


def test_there_are_as_many_slots_as_the_highest_ways_unless_a_number_is_given() -> None:
    assert AnyWayEpisodes(ways=(5, 9), max_ways=None).slots == 9
    assert AnyWayEpisodes(ways=(5, 9), max_ways=12).slots == 12


def test_more_ways_than_label_slots_are_refused() -> None:
    with pytest.raises(UserError, match=r"ways = \(5, 9\) was given, but there are 8 label slots"):
        _ = AnyWayEpisodes(ways=(5, 9), max_ways=8).slots


def test_a_support_that_is_longer_than_a_learner_reads_is_refused() -> None:
    episodes = AnyWayEpisodes(ways=5, shots=(1, 4), max_ways=10)
    episodes.refuse_more_than(2)  # Twenty examples fill ten slots twice.
    with pytest.raises(UserError, match="make up to 20 support examples, but max_ways = 10 and max_shots = 1 hold 10"):
        episodes.refuse_more_than(1)


def test_uneven_shots_are_drawn_for_each_class() -> None:
    assert AnyWayEpisodes(shots=(1, 3)).layout.shots == (1, 3)
    assert AnyWayEpisodes(shots=(1, 3), uneven=True).layout.shots == UnevenShots(1, 3)


def test_the_tests_are_those_that_can_be_read_or_the_largest_setting() -> None:
    assert set(AnyWayEpisodes(shots=(1, 4)).tests()) == {"5-way 1-shot", "20-way 1-shot"}
    assert set(AnyWayEpisodes(max_ways=3, ways=3, shots=2).tests()) == {"3-way 2-shot"}
