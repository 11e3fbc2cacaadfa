"""Digits are divided, cells are trained and measured, and the figures are stored."""

import json
import sys
from pathlib import Path

import pytest
import torch

import digit_cells
from quickstudy.networks.cell_grid import CellGrid


def test_no_digit_is_in_both_parts() -> None:
    digits = digit_cells.load_digits(0)
    assert (len(digits.train_y), len(digits.test_y)) == (1348, 449)
    images = torch.cat([digits.train_x, digits.test_x]).flatten(1)
    assert len(images.unique(dim=0)) == len(images)
    assert (digits.train_x.min(), digits.train_x.max()) == (0, 1)


class _Oracle(CellGrid):
    """Cells that know the label after the second update."""

    def __init__(self, labels_B: torch.Tensor) -> None:
        super().__init__()
        self.labels_B = labels_B

    def forward(self, images_BHW, updates, generator=None):
        said_BN = torch.nn.functional.one_hot(self.labels_B, 10).float()
        said_BHWN = said_BN[:, None, None].expand(-1, *images_BHW.shape[1:], -1)
        return torch.stack([said_BHWN.roll(1, dims=-1) if number == 0 else said_BHWN for number in range(updates)])


def test_cells_that_know_the_label_are_all_right_and_others_none() -> None:
    digits = digit_cells.load_digits(0)
    first, second = digit_cells.measure(_Oracle(digits.test_y), digits, digit_cells.Options(test_updates=2))
    keys = ("most cells right", "nine in ten cells right", "cells right")
    assert [first[key]["mean"] for key in keys] == [0, 0, 0]
    assert [second[key]["mean"] for key in keys] == [1, 1, 1]
    assert first["cells that agree"]["mean"] == 1


def test_figures_are_stored_and_drawn(tmp_path: Path) -> None:
    options = digit_cells.Options(
        out=tmp_path / "cells.json", steps=1, updates=(4, 5), test_updates=5, picture=tmp_path / "cells.png"
    )
    assert digit_cells.main(options) == 0
    records = json.loads(options.out.read_text(), parse_constant=pytest.fail)["records"]
    assert [record["updates"] for record in records] == [1, 2, 3, 4, 5]
    assert options.picture is not None
    assert options.picture.stat().st_size > 10_000


def test_without_scikit_learn_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert digit_cells.main(digit_cells.Options(out=tmp_path / "cells.json")) == 2
    assert "pip install '.[dev]'" in capsys.readouterr().err


def test_the_stored_figures_are_of_cells_that_agree_on_unseen_digits() -> None:
    record = json.loads(digit_cells.Options().out.read_text())
    assert record["records"][-1]["most cells right"]["mean"] >= 0.85
