"""Architectures are ranked and trained, and the figures are stored and drawn."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import architecture_search

STORED = architecture_search.Options().out


def test_no_digit_is_in_two_parts() -> None:
    digits = architecture_search.load_digits(0)
    parts = [digits.train[0], digits.ranking[0], digits.test[0]]
    assert [len(part) for part in parts] == [898, 449, 450]
    assert len(torch.cat(parts).unique(dim=0)) == 1797


def test_figures_are_stored_and_drawn(tmp_path: Path) -> None:
    options = architecture_search.Options(
        architectures=24,
        seeds=(0,),
        steps=2,
        steps_of_each=2,
        trainings=1,
        out=tmp_path / "search.json",
        picture=tmp_path / "search.png",
    )
    assert architecture_search.main(options) == 0
    stored = json.loads(options.out.read_text(), parse_constant=pytest.fail)
    (record,) = stored["records"]
    assert len(record["architectures"]) == 24
    assert set(record["rank correlation"]) == set(stored["summary"]["rank correlation"])
    assert options.picture.stat().st_size > 10_000
    before = options.out.read_text()
    assert architecture_search.main(replace(options, only_rank=True, picture=tmp_path / "again.png")) == 0
    assert options.out.read_text() == before
    assert (tmp_path / "again.png").exists()


def test_without_scikit_learn_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert architecture_search.main(architecture_search.Options(out=tmp_path / "search.json")) == 2
    assert "pip install '.[dev]'" in capsys.readouterr().err


@pytest.mark.skipif(not STORED.exists(), reason="not measured")
def test_the_stored_correlations_are_those_of_the_stored_architectures() -> None:
    stored = json.loads(STORED.read_text())
    for record in stored["records"]:
        assert architecture_search.correlations(record["architectures"]) == pytest.approx(record["rank correlation"])
