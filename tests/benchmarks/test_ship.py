"""Shipped weights are a run's best ones, and say what they were trained with."""

from pathlib import Path

import pytest
import torch

import quickstudy
import ship
from quickstudy.core import UserError, read_header, save_checkpoint
from quickstudy.recipes import build

ARGUMENTS = {"downsampling": "stride"}


def trained(folder: Path, commit: str = "0123abc") -> Path:
    weights = build("glyphs-protonet", ARGUMENTS).learner.state_dict()
    header = {"recipe": "glyphs-protonet", "arguments": ARGUMENTS, "commit": commit}
    save_checkpoint(folder / "best.safetensors", weights, header)
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
    assert read_header(path)["stored"] == "half precision"
    one, other = quickstudy.load(run).state_dict(), quickstudy.load(path).state_dict()
    for key, value in one.items():
        assert other[key].dtype == value.dtype
        assert torch.allclose(other[key].double(), value.double(), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("commit", ["unknown", "0123abc-dirty"])
def test_weights_of_sources_that_are_lost_are_not_shipped(commit: str, tmp_path: Path, capsys) -> None:
    assert ship.main(trained(tmp_path / "run", commit), ship.Options(folder=tmp_path)) == 2
    assert "Commit first" in capsys.readouterr().err
    assert not (tmp_path / "glyphs-protonet.safetensors").exists()


def test_where_a_run_lay_that_was_started_from_is_not_told(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    weights, header = quickstudy.load(run).state_dict(), read_header(run / "best.safetensors")
    save_checkpoint(run / "best.safetensors", weights, {**header, "start_from": str(tmp_path / "earlier")})
    assert read_header(ship.ship(run, ship.Options(folder=tmp_path)))["start_from"] == "earlier"


def test_all_that_an_average_is_made_of_can_be_gone_back_to(tmp_path: Path, capsys) -> None:
    run = trained(tmp_path / "run")
    weights, header = quickstudy.load(run).state_dict(), read_header(run / "best.safetensors")
    parts = [{"commit": "0123abc", "start_from": str(tmp_path / "earlier")}, {"commit": "4567def", "start_from": None}]
    save_checkpoint(run / "best.safetensors", weights, {**header, "averaged": parts})
    stored = read_header(ship.ship(run, ship.Options(folder=tmp_path)))["averaged"]
    assert [part["start_from"] for part in stored] == ["earlier", None]
    parts[1]["commit"] += "-dirty"
    save_checkpoint(run / "best.safetensors", weights, {**header, "averaged": parts})
    assert ship.main(run, ship.Options(folder=tmp_path)) == 2
    assert "4567def-dirty" in capsys.readouterr().err


def test_numbers_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    weights = quickstudy.load(run).state_dict()
    weights["encoder.blocks.0.weight"] *= 1e6
    save_checkpoint(run / "best.safetensors", weights, read_header(run / "best.safetensors"))
    with pytest.raises(UserError, match="too large"):
        ship.ship(run, ship.Options(folder=tmp_path, half=True))
