import pytest

from quickstudy.core import UserError
from quickstudy.sources import LabelSequences, SequenceCharacters
from quickstudy.tasks import InstanceSequences, Stages

CHARACTERS = SequenceCharacters(size=10)


def test_letters_of_labels_that_have_none_are_refused() -> None:
    with pytest.raises(UserError, match="Add --labels strings"):
        LabelSequences(letters=2)
    with pytest.raises(UserError, match=r"few_letters = 0\.5 was given"):
        LabelSequences(few_letters=0.5)


def test_the_test_has_all_letters_and_ten_drawings_of_each_class() -> None:
    sequences = LabelSequences(labels="strings", letters=2, instances=3)
    assert (sequences.layout.letters, sequences.layout.instances, sequences.layout.labels) == (5, 10, "strings")


def test_short_sequences_come_first(few_characters) -> None:
    tasks = LabelSequences(short=0.25, instances=(3, 8), classes=5).training(CHARACTERS)(None)
    assert isinstance(tasks, Stages)
    first, last = (tasks.at(fraction).layout for fraction in (0.0, 0.25))
    assert ((first.classes, first.instances), (last.classes, last.instances)) == (((2, 5), (2, 4)), (5, (3, 8)))
    assert isinstance(LabelSequences().training(CHARACTERS)(None), InstanceSequences)


def test_strings_of_one_letter_come_first_and_then_those_of_two(few_characters) -> None:
    sequences = LabelSequences(labels="strings", few_letters=0.6, short=0.4, instances=(2, 8))
    tasks = sequences.training(CHARACTERS)(None)
    assert isinstance(tasks, Stages)
    layouts = [tasks.at(fraction).layout for fraction in (0.0, 0.19, 0.21, 0.39, 0.41, 0.59, 0.61)]
    assert [layout.letters for layout in layouts] == [1, 1, 2, 2, 2, 2, 5]
    assert [layout.instances for layout in layouts] == [(2, 4)] * 4 + [(2, 8)] * 3


def test_the_first_strings_never_have_more_letters_than_the_later_ones(few_characters) -> None:
    tasks = LabelSequences(labels="strings", few_letters=0.6, letters=1).training(CHARACTERS)(None)
    assert isinstance(tasks, Stages)
    assert [tasks.at(fraction).layout.letters for fraction in (0.0, 0.3, 0.7)] == [1, 1, 1]
