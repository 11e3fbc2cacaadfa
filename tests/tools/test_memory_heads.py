"""What the heads of a MANN do, and heads made new."""

import json
from pathlib import Path

import pytest
import torch

import memory_heads
import quickstudy
from memory_heads import Options, observe, renewed
from quickstudy.core import UserError, read_header, save_checkpoint
from quickstudy.learners import MANN
from quickstudy.recipes import build

WEIGHTS = "omniglot-mann-sequences"


def learner(**options) -> MANN:
    torch.manual_seed(0)
    return MANN(6, max_ways=4, hidden=8, slots=5, width=3, heads=2, **options).eval()


def sequence() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(3, 7, 6, generator=generator), torch.randint(4, (3, 7), generator=generator)


def test_a_head_that_reads_everywhere_alike_spreads_over_all_slots() -> None:
    reader = learner()
    with torch.no_grad():
        reader.network.cell.keys.weight.zero_()
        reader.network.cell.keys.bias.zero_()
    for head in observe(reader, *sequence()):
        assert head["slots_read"] == pytest.approx(5)
        assert head["largest_read"] == pytest.approx(0.2)
        assert head["sharpness"] == 1


def test_a_hard_choice_is_one_slot_and_gates_tell_where_is_written() -> None:
    reader = learner(key_strength=True, addresses="after")
    with torch.no_grad():
        reader.network.cell.sharpness.bias.fill_(1e6)
        reader.network.cell.gates.weight.zero_()
        reader.network.cell.gates.bias.copy_(torch.tensor([0.0, 50.0]))
    first, second = observe(reader, *sequence())
    assert first["slots_read"] < 1.5
    assert first["largest_read"] > 0.9
    assert (first["written_where_read"], second["written_where_read"]) == pytest.approx((0.5, 1.0))


def test_a_fresh_head_is_another_head_that_nothing_listens_to_and_all_else_is_kept() -> None:
    old, (new, header) = quickstudy.load(WEIGHTS).state_dict(), renewed(WEIGHTS, (3,), None)
    assert header.reinitialised == ("head 3",)
    assert not torch.equal(new["network.cell.keys.weight"][120:], old["network.cell.keys.weight"][120:])
    assert float(new["network.cell.sharpness.bias"][3]) == 10
    assert not new["network.output.weight"][:, 320:].any()
    assert not new["network.cell.from_before.weight"][:, 320:].any()
    for name, rows in (("keys.weight", 120), ("keys.bias", 120), ("gates.bias", 3), ("sharpness.weight", 3)):
        assert torch.equal(new[f"network.cell.{name}"][:rows], old[f"network.cell.{name}"][:rows])
    for name in ("network.cell.from_inputs.weight", "network.from_labels.weight"):
        assert torch.equal(new[name], old[name])
    assert torch.equal(new["network.output.weight"][:, :320], old["network.output.weight"][:, :320])


def test_a_head_of_a_controller_that_is_fed_nothing_can_be_new(tmp_path: Path) -> None:
    arguments = {"controller": "feed-forward"}
    weights = build(WEIGHTS, arguments).learner.state_dict()
    save_checkpoint(tmp_path / "best.safetensors", weights, {"format": 2, "recipe": WEIGHTS, "arguments": arguments})
    new, _ = renewed(str(tmp_path), (0,), None)
    assert not new["network.output.weight"][:, 200:240].any()
    assert torch.equal(new["network.output.weight"][:, 240:], weights["network.output.weight"][:, 240:])


def test_written_they_are_a_run_to_start_from_with_bounded_heads(tmp_path: Path, capsys) -> None:
    run = tmp_path / "fresh"
    assert memory_heads.main(WEIGHTS, Options(sequences=2, fresh=(3,), max_key_strength=41.0, out=run, json=True)) == 0
    assert len(json.loads(capsys.readouterr().out)["heads"]) == 4
    assert read_header(run / "best.safetensors")["arguments"]["max_key_strength"] == 41
    hidden = torch.randn(2, 200)
    assert torch.allclose(quickstudy.load(run).network.cell.sharpness_of(hidden), torch.full((2, 4), 10.0))
    assert memory_heads.main(WEIGHTS, Options(sequences=2, fresh=(3,), out=run)) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("omniglot-lstm", Options(), "has no heads"),
        (WEIGHTS, Options(sequences=1, fresh=(4,), out=Path("nowhere")), "heads 0 to 3"),
        (WEIGHTS, Options(fresh=(3,)), "give --out with --fresh"),
        (WEIGHTS, Options(out=Path("nowhere")), "give --out with --fresh"),
    ],
)
def test_what_cannot_be_done_is_said(name, options, complaint, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert memory_heads.main(name, options) == 2
    assert complaint in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_unknown_head_is_refused() -> None:
    with pytest.raises(UserError, match="heads 0 to 3"):
        renewed(WEIGHTS, (-1,), None)
