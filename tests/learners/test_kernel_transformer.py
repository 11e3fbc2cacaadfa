"""The kernel transformer ignores exactly what should not matter, and reads tasks of any size."""

import pytest
import torch

from quickstudy.core import UserError
from quickstudy.learners import KernelTransformer


def learner() -> KernelTransformer:
    torch.manual_seed(0)
    return KernelTransformer(channels=16, num_heads=2, hidden=16).double().eval()


def task(ways: int = 3, shots: int = 4, features: int = 6, noise: float = 0.7) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(1, ways, 1, features, generator=generator, dtype=torch.float64)
    x = centres + noise * torch.randn(1, ways, shots + 5, features, generator=generator, dtype=torch.float64)
    labels = torch.arange(ways)[None, :, None].expand(1, ways, shots + 5)
    parts = (slice(None, shots), slice(shots, None))
    return tuple(part[:, :, each].flatten(1, 2) for each in parts for part in (x, labels))


def answer(network: KernelTransformer, x: torch.Tensor, y: torch.Tensor, query_x: torch.Tensor) -> torch.Tensor:
    return network.predict(network.adapt(x, y), query_x).probs


def test_the_order_of_features_does_not_matter() -> None:
    x, y, query_x, _ = task()
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    network = learner()
    plain, changed = answer(network, x, y, query_x), answer(network, x[..., order], y, query_x[..., order])
    torch.testing.assert_close(plain, changed)


def test_a_shift_and_a_common_scale_do_not_matter() -> None:
    x, y, query_x, _ = task()
    network, shift = learner(), torch.arange(6.0, dtype=torch.float64)
    plain, changed = answer(network, x, y, query_x), answer(network, 7 * x + shift, y, 7 * query_x + shift)
    torch.testing.assert_close(plain, changed)


def test_a_class_without_examples_changes_nothing_and_is_never_named() -> None:
    x, y, query_x, _ = task()
    network = learner()
    plain, changed = answer(network, x, y, query_x), answer(network, x, torch.where(y == 2, 4, y), query_x)
    torch.testing.assert_close(plain, changed[..., [0, 1, 4]])
    assert (changed[..., [2, 3]] == 0).all()


def test_before_any_training_it_names_clear_classes() -> None:
    x, y, query_x, query_y = task(noise=0.1)
    assert (answer(learner(), x, y, query_x).argmax(-1) == query_y).all()


def test_one_example_of_each_of_many_classes_is_enough() -> None:
    x, y, query_x, query_y = task(ways=30, shots=1, noise=0.05)
    assert (answer(learner(), x, y, query_x).argmax(-1) == query_y).double().mean() > 0.95


def test_queries_with_other_features_are_refused() -> None:
    x, y, query_x, _ = task()
    network = learner()
    with pytest.raises(UserError, match="Give queries the same features"):
        network.predict(network.adapt(x, y), query_x[..., :5])
