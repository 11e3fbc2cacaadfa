"""The capacity of three memories is measured on the same pairs, by rules that do what their names say."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

import associative_recall
from associative_recall import ONCE, TWICE, Options, corrected, measure, summed

SMALL = Options(sizes=(4, 128), tasks=10)


def orthonormal(count: int) -> torch.Tensor:
    return torch.linalg.qr(torch.randn(1, 8, 8, dtype=torch.float64)).Q[:, :count]


def test_with_orthonormal_keys_the_delta_rule_finds_the_latest_value_and_the_sum_all_of_them() -> None:
    keys, values = orthonormal(3).repeat(1, 2, 1), torch.randn(1, 6, 5, dtype=torch.float64)
    found = keys[:, :3] @ corrected(keys, values).transpose(1, 2)
    assert torch.allclose(found, values[:, 3:])
    assert torch.allclose(keys[:, :3] @ summed(keys, values).transpose(1, 2), values[:, :3] + values[:, 3:])


def test_writing_the_same_pairs_again_changes_nothing_under_the_delta_rule() -> None:
    keys, values = orthonormal(3), torch.randn(1, 3, 5, dtype=torch.float64)
    once = corrected(keys, values)
    assert torch.allclose(corrected(keys.repeat(1, 2, 1), values.repeat(1, 2, 1)), once)
    assert not torch.allclose(summed(keys.repeat(1, 2, 1), values.repeat(1, 2, 1)), summed(keys, values))


def test_the_error_of_linear_attention_is_that_of_random_keys() -> None:
    (record,) = [each for each in measure(SMALL) if each["pairs"] == 128 and each["setting"] == ONCE]
    error = record["memories"]["linear attention"]["relative_squared_error"]["mean"]
    assert error == pytest.approx(127 / 64, rel=0.05)  # Each other pair adds 1 / D on average.


def test_the_hopfield_network_holds_most_and_only_the_delta_rule_forgets_what_was_replaced() -> None:
    recalled = {
        (record["setting"], record["pairs"], name): found["recalled"]["mean"]
        for record in measure(SMALL)
        for name, found in record["memories"].items()
    }
    assert recalled[ONCE, 128, "Hopfield network"] == 1
    assert recalled[ONCE, 128, "Hopfield network"] > recalled[ONCE, 128, "delta rule"] > 0
    assert recalled[TWICE, 4, "delta rule"] > 0.95
    assert recalled[TWICE, 4, "Hopfield network"] == 0.5  # It finds the mean of both values.
    assert recalled[TWICE, 4, "linear attention"] < 0.8


def test_the_command_writes_figures_and_a_picture(tmp_path: Path) -> None:
    options = Options(sizes=(4, 8), tasks=3, out=tmp_path / "recall.json", picture=tmp_path / "recall.png")
    assert associative_recall.main(options) == 0
    record = json.loads(options.out.read_text())
    assert [(each["setting"], each["pairs"]) for each in record["records"]] == [
        (setting, size) for setting in (ONCE, TWICE) for size in (4, 8)
    ]
    with Image.open(options.picture) as picture:
        assert picture.width > 500
