"""Shipped weights are a run's best ones, and say what they were trained with."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import pictures
import quickstudy
import ship
from quickstudy.core import Header, Parent, UserError, header_of, load_trained, save_trained
from quickstudy.recipes import build

ARGUMENTS = {"downsampling": "stride"}


def trained(folder: Path, commit: str = "0123abc") -> Path:
    weights = build("glyphs-protonet", ARGUMENTS).learner.state_dict()
    header = Header(recipe="glyphs-protonet", arguments=ARGUMENTS, provenance={"commit": commit})
    save_trained(folder / "best.safetensors", weights, header)
    return folder


def test_shipped_weights_are_those_of_the_run_under_its_recipes_name(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    path = ship.ship(run, ship.Options(folder=tmp_path))
    assert path == tmp_path / "glyphs-protonet.safetensors"
    one, other = quickstudy.load(run).state_dict(), quickstudy.load(path).state_dict()
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_half_precision_halves_the_file_and_is_loaded_in_full(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    path = ship.ship(run, ship.Options(folder=tmp_path, half=True, name="small"))
    assert path.stat().st_size < 0.6 * (run / "best.safetensors").stat().st_size
    assert header_of(path).stored == "half precision"
    one, other = quickstudy.load(run).state_dict(), quickstudy.load(path).state_dict()
    for key, value in one.items():
        assert other[key].dtype == value.dtype
        assert torch.allclose(other[key].double(), value.double(), rtol=1e-3, atol=1e-6)


def test_the_losses_of_the_training_are_kept_for_pictures(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    (run / "metrics.csv").write_text("step,seconds,loss\n1,60,0.5\n")
    ship.ship(run, ship.Options(folder=tmp_path, curves=tmp_path / "curves"))
    assert pictures.read_losses(tmp_path / "curves") == {"glyphs-protonet": ([1.0], [0.5])}


@pytest.mark.parametrize("commit", ["unknown", "0123abc-dirty"])
def test_weights_of_sources_that_are_lost_are_not_shipped(commit: str, tmp_path: Path, capsys) -> None:
    assert ship.main(trained(tmp_path / "run", commit), ship.Options(folder=tmp_path)) == 2
    assert "Commit first" in capsys.readouterr().err
    assert not (tmp_path / "glyphs-protonet.safetensors").exists()


def rewritten(run: Path, **changes: Any) -> Path:
    """The same run with other things in its header."""
    path = run / "best.safetensors"
    weights, header = load_trained(path)
    save_trained(path, weights, replace(header, **changes))
    return run


def test_where_runs_lay_that_were_started_from_is_not_told(tmp_path: Path) -> None:
    first = Parent(str(tmp_path / "first"), Header(recipe="r", provenance={"commit": "0123abc"}))
    second = Header(recipe="r", provenance={"commit": "0123abc"}, parents=(first,))
    parents = (Parent(str(tmp_path / "second"), second), Parent("omniglot-protonet", first.header))
    run = rewritten(trained(tmp_path / "run"), parents=parents)
    header = header_of(ship.ship(run, ship.Options(folder=tmp_path)))
    assert header.start_from == "second,omniglot-protonet"
    assert header.parents[0].header.start_from == "first"
    assert len(header.ancestors()) == 3


def test_all_that_weights_come_from_can_be_gone_back_to(tmp_path: Path, capsys) -> None:
    lost = Header(recipe="r", provenance={"commit": "4567def-dirty"})
    run = rewritten(trained(tmp_path / "run"), parents=(Parent("earlier", lost),))
    assert ship.main(run, ship.Options(folder=tmp_path)) == 2
    assert "4567def-dirty" in capsys.readouterr().err


def test_numbers_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    weights = quickstudy.load(run).state_dict()
    weights["encoder.blocks.0.weight"] *= 1e6
    save_trained(run / "best.safetensors", weights, header_of(run / "best.safetensors"))
    with pytest.raises(UserError, match="too large"):
        ship.ship(run, ship.Options(folder=tmp_path, half=True))
