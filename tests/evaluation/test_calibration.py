import pytest
import torch

from quickstudy.evaluation import expected_calibration_error


def test_it_is_the_weighted_gap_of_each_bin():
    confidence = torch.tensor([0.9, 0.9, 0.9, 0.9, 0.55, 0.55])
    is_correct = torch.tensor([True, True, True, False, False, False])
    expected = (4 * abs(0.9 - 0.75) + 2 * abs(0.55 - 0.0)) / 6
    assert expected_calibration_error(confidence, is_correct) == pytest.approx(expected, abs=1e-6)


def test_it_equals_a_loop_over_bins(generator):
    confidence = torch.rand(5000, generator=generator, dtype=torch.float64)
    is_correct = torch.rand(5000, generator=generator) < confidence**2
    expected = 0.0
    for number in range(15):
        inside = (confidence >= number / 15) & (confidence < (number + 1) / 15)
        gap = confidence[inside].mean() - is_correct[inside].double().mean()
        expected += float(inside.double().mean() * gap.abs())
    assert expected_calibration_error(confidence, is_correct) == pytest.approx(expected, abs=1e-9)


def test_certain_and_right_is_calibrated():
    assert expected_calibration_error(torch.ones(5), torch.ones(5, dtype=torch.bool)) == 0.0


def test_certain_and_wrong_is_the_worst_there_is():
    assert expected_calibration_error(torch.ones(5), torch.zeros(5, dtype=torch.bool)) == 1.0


def test_right_as_often_as_said_is_calibrated():
    confidence = torch.full((10,), 0.7, dtype=torch.float64)
    assert expected_calibration_error(confidence, torch.arange(10) < 7) == pytest.approx(0.0, abs=1e-12)


def test_too_much_and_too_little_confidence_cancel_within_a_bin_only():
    is_correct = torch.tensor([True, False])
    assert expected_calibration_error(torch.tensor([0.51, 0.52]), is_correct) == pytest.approx(0.015, abs=1e-6)
    assert expected_calibration_error(torch.tensor([0.3, 0.7]), is_correct) == pytest.approx(0.7, abs=1e-6)


def test_one_bin_compares_the_means():
    found = expected_calibration_error(torch.tensor([0.3, 0.7]), torch.tensor([True, False]), num_bins=1)
    assert found == pytest.approx(0.0, abs=1e-6)


def test_bins_decide_what_is_averaged():
    confidence, is_correct = torch.tensor([0.3, 0.4]), torch.tensor([True, False])
    assert expected_calibration_error(confidence, is_correct, num_bins=2) == pytest.approx(0.15, abs=1e-6)
    assert expected_calibration_error(confidence, is_correct, num_bins=3) == pytest.approx(0.55, abs=1e-6)


def test_the_certain_share_a_bin_with_the_nearly_certain():
    found = expected_calibration_error(torch.tensor([1.0, 0.95]), torch.tensor([False, True]))
    assert found == pytest.approx(0.475, abs=1e-6)


def test_doubling_the_answers_changes_nothing(generator):
    confidence, is_correct = torch.rand(50, generator=generator), torch.rand(50, generator=generator) < 0.5
    once = expected_calibration_error(confidence, is_correct)
    assert expected_calibration_error(confidence.repeat(2), is_correct.repeat(2)) == pytest.approx(once, abs=1e-12)
