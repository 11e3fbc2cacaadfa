"""What the heads of a MANN do."""

import json

import pytest
import torch

import memory_heads
from memory_heads import Options, observe
from quickstudy.learners import MANN

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


def test_heads_of_shipped_weights_are_printed_as_json(capsys) -> None:
    assert memory_heads.main(WEIGHTS, Options(sequences=2, json=True)) == 0
    heads = json.loads(capsys.readouterr().out)["heads"]
    assert len(heads) == 4
    assert all(set(head) == set(memory_heads.COLUMNS) for head in heads)


def test_a_learner_without_a_memory_is_refused(capsys) -> None:
    assert memory_heads.main("omniglot-lstm", Options()) == 2
    assert "has no heads" in capsys.readouterr().err
