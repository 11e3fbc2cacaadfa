import pytest
import torch

from quickstudy.networks.blur import Blur


def test_a_point_becomes_a_bell_of_the_same_weight():
    image = torch.zeros(2, 1, 21, 21, dtype=torch.float64)
    image[:, :, 10, 8] = 1
    found = Blur(1.3).double()(image)[1, 0]
    row, column = torch.meshgrid(torch.arange(21), torch.arange(21), indexing="ij")
    assert float(found.sum()) == pytest.approx(1, abs=1e-6)
    assert float((found * row).sum()) == pytest.approx(10, abs=1e-6)
    assert float((found * column).sum()) == pytest.approx(8, abs=1e-6)
    assert float((found * (column - 8) ** 2).sum()) == pytest.approx(1.3**2, rel=1e-3)


def test_rows_and_columns_may_differ_in_number():
    image = torch.rand(9, 5)
    assert torch.allclose(Blur(1.0)(image).T, Blur(1.0)(image.T), atol=1e-6)


def test_beyond_the_edge_there_is_nothing():
    found = Blur(1.0)(torch.ones(9, 9))
    assert float(found[4, 4]) == pytest.approx(1, abs=1e-3)
    assert float(found[0, 4]) == pytest.approx(0.7, abs=0.01)


def test_it_brings_no_weights_of_its_own():
    assert list(Blur(1.0).state_dict()) == []


def test_no_blur_at_all_is_refused():
    with pytest.raises(ValueError, match="more than 0 pixels"):
        Blur(0.0)
