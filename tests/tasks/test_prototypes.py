"""Tasks whose classes are points with noise around them."""

import pytest
import torch

from quickstudy.core import UserError
from quickstudy.tasks import PrototypeLayout, Prototypes


def test_inputs_have_unit_variance_and_examples_of_a_class_lie_around_one_point(generator: torch.Generator) -> None:
    x, y, query_x, query_y = Prototypes(PrototypeLayout(12, 3, 200, 50)).sample(40, generator)
    assert (x.shape, query_x.shape) == ((40, 200, 12), (40, 50, 12))
    assert float(x.var()) == pytest.approx(1.0, abs=0.1)
    means = torch.stack([x[0][y[0] == way].mean(dim=0) for way in range(3)])
    spread = (query_x[0] - means[query_y[0]]).std()
    assert float(spread) == pytest.approx(0.5 / 1.25**0.5, abs=0.05)


def test_the_same_generator_gives_the_same_tasks() -> None:
    one, other = (Prototypes().to("cpu").sample(3, torch.Generator().manual_seed(4)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert one.support_x.shape == (3, 19, 6)


def test_layouts_that_make_no_task_are_refused() -> None:
    for change in ({"ways": 1}, {"inputs": 0}, {"support": 0}, {"queries": 0}, {"noise": -1.0}):
        with pytest.raises(UserError, match="was given, but a number from"):
            Prototypes(PrototypeLayout(**change))
