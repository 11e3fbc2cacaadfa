import pytest

from quickstudy.core import UserError
from quickstudy.sources import LabelSequences, SequenceCharacters
from quickstudy.tasks import InstanceSequences, Stages

CHARACTERS = SequenceCharacters(size=10)


def test_letters_of_labels_that_have_none_are_refused() -> None:
    with pytest.raises(UserError, match="Add --labels strings"):
        LabelSequences(letters=2)


def test_the_test_has_all_letters_and_ten_drawings_of_each_class() -> None:
    sequences = LabelSequences(labels="strings", letters=2, instances=3)
    assert (sequences.layout.letters, sequences.layout.instances, sequences.layout.labels) == (5, 10, "strings")


def test_short_sequences_come_first(few_characters) -> None:
    tasks = LabelSequences(short=0.25, instances=(3, 8), classes=5).training(CHARACTERS)(None)
    assert isinstance(tasks, Stages)
    first, last = (tasks.at(fraction).layout for fraction in (0.0, 0.25))
    assert ((first.classes, first.instances), (last.classes, last.instances)) == (((2, 5), (2, 4)), (5, (3, 8)))
    assert isinstance(LabelSequences().training(CHARACTERS)(None), InstanceSequences)
