import numpy as np
import pytest

from quickstudy.core import UserError
from quickstudy.datasets import omniglot
from quickstudy.sources import (
    part_classes,
    refuse_size,
)


def test_parts_of_a_split_are_disjoint() -> None:
    for name in ("lake", "vinyals"):
        parts = omniglot.split(name)
        assert len(np.unique(np.concatenate(parts))) == sum(map(len, parts))


def test_two_parts_of_a_split_are_one_after_the_other() -> None:
    parts = omniglot.split("lake")
    both = part_classes("lake", "train and validation")
    assert both.tolist() == [*parts.train, *parts.validation]


@pytest.mark.parametrize("size", [7, 106, 0, -1])
def test_sizes_that_drawings_cannot_have_are_refused(size: int) -> None:
    with pytest.raises(UserError, match=f"size = {size} was given"):
        refuse_size(size)
    refuse_size(8)
    refuse_size(105)
