"""The task of keys and values: what is drawn, what is retrieved, and what is written."""

import json
from pathlib import Path

import pytest
import torch

import associative
from associative import CASES, Case, Memory, Options, Pairs, draw


def test_keys_that_occur_once_are_all_of_them_and_each_returns_its_value() -> None:
    pairs = draw("once", 7, 14, 3, torch.Generator().manual_seed(0))
    assert pairs.keys.shape == (3, 7)
    assert (pairs.keys.sort(dim=1).values == torch.arange(7)).all()
    assert pairs.occurs.all()
    for keys, values, answers in zip(*pairs[:3], strict=True):
        assert answers[keys].tolist() == values.tolist()


def test_of_keys_that_occur_again_the_latest_value_counts() -> None:
    pairs = draw("again", 5, 12, 4, torch.Generator().manual_seed(0))
    for keys, values, answers, occurs in zip(*pairs, strict=True):
        latest = dict(zip(keys.tolist(), values.tolist(), strict=True))
        assert [key for key in range(5) if occurs[key]] == sorted(latest)
        assert all(answers[key] == value for key, value in latest.items())


@pytest.mark.parametrize("rule", ["sum", "delta"])
def test_a_memory_without_contents_loses_half(rule) -> None:
    memory = Memory(6, rule, "elu")
    with torch.no_grad():
        memory.to_rates.weight.zero_()
        memory.to_rates.bias.fill_(-1e3)
    pairs = draw("once", 6, 6, 2, torch.Generator().manual_seed(0))
    if rule == "delta":
        assert float(memory(pairs).detach()) == pytest.approx(0.5)
    else:
        spread = memory._retrieved(pairs.keys, torch.nn.functional.one_hot(pairs.values, 6).float()).sum(dim=-1)
        assert torch.allclose(spread, torch.ones(2, 6), atol=1e-4)  # A mean of one-hot values.


def test_keys_that_do_not_occur_do_not_count() -> None:
    memory = Memory(4, "sum", "elu")
    pairs = draw("once", 4, 4, 1, torch.Generator().manual_seed(0))
    some = Pairs(*pairs[:3], torch.tensor([[True, False, False, False]]))
    other = some._replace(answers=torch.cat([pairs.answers[:, :1], (pairs.answers[:, 1:] + 1) % 4], dim=1))
    assert torch.equal(memory(some), memory(other))


def test_a_training_ends_early_where_the_loss_is_small(monkeypatch) -> None:
    monkeypatch.setattr(associative, "_GOOD_ENOUGH", 1.0)
    assert associative.train(Case("once", "sum", "elu"), 4, Options(steps=300))[1] == 100


def test_fast_weights_learn_to_retrieve() -> None:
    loss, _ = associative.train(Case("again", "delta", "dpfp"), 4, Options(steps=200, learning_rate=1e-2))
    assert loss < 0.05


def test_the_record_has_a_loss_for_every_case_and_size(tmp_path: Path) -> None:
    out = tmp_path / "associative.json"
    assert associative.main(Options(sizes=(3, 4), steps=2, out=out)) == 0
    stored = json.loads(out.read_text(), parse_constant=pytest.fail)
    assert stored["benchmark"] == "associative"
    assert [(each["rule"], each["features"], each["size"]) for each in stored["results"]] == [
        (case.rule, case.features, size) for case in CASES for size in (3, 4)
    ]
    assert all(0 < each["loss"] < 2 for each in stored["results"])
    assert stored["protocol"]["most_steps"] == 2


def test_too_few_keys_end_with_a_message(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert associative.main(Options(sizes=(1,), out=tmp_path / "none.json")) == 2
    assert "two keys or more" in capsys.readouterr().err
