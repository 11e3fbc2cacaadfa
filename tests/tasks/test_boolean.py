"""Boolean functions of the signs of two numbers."""

import pytest
import torch

from quickstudy.core import UserError
from quickstudy.tasks import BooleanPlane

TRUE_QUARTERS = {
    "xor": {(1, 0), (0, 1)},
    "or": {(1, 0), (0, 1), (1, 1)},
    "and": {(1, 1)},
    "quadrant": {(0, 1)},
    "nxor": {(0, 0), (1, 1)},
    "nor": {(0, 0)},
    "nand": {(0, 0), (0, 1), (1, 0)},
    "other quadrant": {(1, 0)},
}


@pytest.mark.parametrize("name", TRUE_QUARTERS)
def test_each_function_is_true_in_its_quarters_of_the_square(name: str, generator: torch.Generator) -> None:
    x, y, query_x, query_y = BooleanPlane((name,), support=300, queries=50).sample(3, generator)
    assert x.abs().max() <= 1
    for points, labels in ((x, y), (query_x, query_y)):
        for (a, b), label in zip((points > 0).int().flatten(0, 1).tolist(), labels.flatten().tolist(), strict=True):
            assert label == ((a, b) in TRUE_QUARTERS[name])


def test_each_task_draws_one_of_the_functions(generator: torch.Generator) -> None:
    x, y, _, _ = BooleanPlane(("and", "or")).to("cpu").sample(60, generator)
    a, b = (x > 0).unbind(dim=-1)
    is_and, is_or = ((y == each.long()).all(dim=1) for each in (a & b, a | b))
    assert (is_and ^ is_or).all()
    assert 15 < int(is_and.sum()) < 45


def test_functions_and_sizes_that_make_no_task_are_refused() -> None:
    with pytest.raises(UserError, match="some of xor, or, and"):
        BooleanPlane(("implies",))
    with pytest.raises(UserError, match="some of xor"):
        BooleanPlane(())
    with pytest.raises(UserError, match="0 support points"):
        BooleanPlane(support=0)
