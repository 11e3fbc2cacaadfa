"""Leave-one-out answers equal those of a support without the example."""

import torch

from quickstudy.networks.kernel_evidence import NUM_EVIDENCE, VIEWS, _least_squares, evidence, read_examples


def examples(count: int = 8, features: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(1, count, features, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return x, torch.arange(count)[None] % 2


def test_least_squares_without_an_example_is_as_if_it_were_never_there() -> None:
    x, y = examples()
    kernel = torch.exp(-torch.cdist(x, x).square())[:, None]
    is_of, ones = torch.nn.functional.one_hot(y).double(), torch.ones(1, 8, dtype=torch.float64)
    _, left_out = _least_squares(kernel, is_of, ones, 0.1)
    others = torch.arange(8) != 3
    weights, _ = _least_squares(kernel[:, :, others][..., others], is_of[:, others], ones[:, others], 0.1)
    torch.testing.assert_close(left_out[0, 0, 3], (kernel[:, :, 3:4][..., others] @ weights)[0, 0, 0])


def test_evidence_has_one_number_for_each_kernel_and_view() -> None:
    x, y = examples()
    read, left_out = read_examples(x, y, 2, None)
    assert left_out.shape == (1, 8, 2, NUM_EVIDENCE)
    assert read.seen.shape == (1, VIEWS, 8, 5)
    assert evidence(read, x[:, :3]).shape == (1, 3, 2, NUM_EVIDENCE)


def test_padding_changes_no_evidence() -> None:
    x, y = examples()
    mask = torch.tensor([[True] * 6 + [False] * 2])
    padded, left_out = read_examples(x, y, 2, mask)
    plain, expected = read_examples(x[:, :6], y[:, :6], 2, None)
    torch.testing.assert_close(left_out[:, :6], expected)
    torch.testing.assert_close(evidence(padded, x[:, 6:]), evidence(plain, x[:, 6:]))


def test_ranks_ignore_any_rising_function_of_a_feature() -> None:
    x, y = examples()
    ranks = slice(NUM_EVIDENCE // VIEWS, 2 * NUM_EVIDENCE // VIEWS)
    plain, raised = (evidence(read_examples(each[:, :6], y[:, :6], 2, None)[0], each[:, 6:]) for each in (x, x.exp()))
    torch.testing.assert_close(plain[..., ranks], raised[..., ranks])


def test_a_constant_feature_changes_nothing() -> None:
    x, y = examples()
    more = torch.cat([x, torch.full_like(x[..., :1], 3.0)], dim=-1)
    plain, wider = (read_examples(each, y, 2, None)[1] for each in (x, more))
    torch.testing.assert_close(plain[..., :5], wider[..., :5])


def test_the_last_view_weighs_features_by_how_well_they_tell_the_classes_apart() -> None:
    x, y = examples(count=20, features=4)
    x[..., 2] += 4 * y
    told = read_examples(x, y, 2, None)[0].weights_of_features
    assert told[0, 2] > 10 * told[0, [0, 1, 3]].max()
    torch.testing.assert_close(told.mean(), torch.ones((), dtype=torch.float64))


def test_the_weights_of_features_ignore_units_and_the_order_of_features() -> None:
    x, y = examples()
    order, units = torch.tensor([3, 1, 0, 4, 2]), torch.tensor([1.0, 20.0, 0.1, 3.0, 7.0])
    plain = read_examples(x, y, 2, None)[0].weights_of_features
    changed = read_examples(x[..., order] * units + 2, y, 2, None)[0].weights_of_features
    torch.testing.assert_close(plain[:, order], changed)


def test_with_one_example_of_each_class_all_features_weigh_the_same() -> None:
    x, _ = examples()
    told = read_examples(x, torch.arange(8)[None], 8, None)[0].weights_of_features
    torch.testing.assert_close(told, torch.ones_like(told))
