"""The mean of several trainings' weights is a run like any other, and says what it is made of."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import average
import quickstudy
from average import Options, header_of_mean
from quickstudy.core import Header, Parent, UserError, header_of, load_trained, save_trained
from quickstudy.protocols.lineage import refuse_leak
from quickstudy.recipes import build

RECIPE = "glyphs-protonet"


def trained(folder: Path, seed: int, **arguments) -> str:
    torch.manual_seed(seed)
    weights = build(RECIPE, arguments).learner.state_dict()
    header = Header(
        recipe=RECIPE,
        arguments=arguments,
        seed=seed,
        step=5,
        provenance={"commit": f"{seed}abc"},
        validation={"accuracy": 0.5},
    )
    save_trained(folder / "best.safetensors", weights, header)
    return str(folder)


@pytest.fixture
def runs(tmp_path) -> list[str]:
    return [trained(tmp_path / str(seed), seed) for seed in (1, 2, 3)]


def test_written_it_is_the_mean_of_every_number_and_a_run_to_load(runs, tmp_path, capsys) -> None:
    assert average.main(runs, Options(tasks=2, json=True, out=tmp_path / "mean")) == 0
    found = quickstudy.load(tmp_path / "mean").state_dict()
    each = [quickstudy.load(run).state_dict() for run in runs]
    for name, value in found.items():
        if value.is_floating_point():
            assert torch.allclose(value, sum(weights[name] for weights in each) / 3, atol=1e-6)
        assert value.dtype == each[0][name].dtype
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["weights"] for line in printed] == [*runs, "their mean"]


def test_the_header_tells_of_all_trainings_and_of_the_looks_at_the_mean_alone(runs, tmp_path) -> None:
    assert average.main(runs, Options(tasks=2, out=tmp_path / "mean")) == 0
    header = header_of(tmp_path / "mean" / "best.safetensors")
    assert [(part.seed, part.commit, part.step) for part in header.averaged] == [
        (1, "1abc", 5),
        (2, "2abc", 5),
        (3, "3abc", 5),
    ]
    assert header.step is None
    assert header.is_trained
    assert header.validation["accuracy"] != 0.5


def test_asked_for_the_ends_it_takes_what_run_folders_ended_with(runs, tmp_path) -> None:
    weights, header = load_trained(tmp_path / "2" / "best.safetensors")
    ended = {f"learner.{name}": torch.zeros_like(value) for name, value in weights.items()}
    save_trained(tmp_path / "1" / "last.safetensors", ended, replace(header, position={"step": 9}))
    assert average.main(runs[:2], Options(ends=True, tasks=2, out=tmp_path / "mean")) == 0
    found, header = load_trained(tmp_path / "mean" / "best.safetensors")
    name = "encoder.blocks.0.weight"
    assert torch.allclose(found[name], weights[name] / 2)
    assert [part.step for part in header.averaged] == [9, 5]


def test_what_any_of_them_was_trained_on_is_not_to_be_evaluated_on() -> None:
    earlier = Parent("start", Header(recipe="r", arguments={"steps": 1}, contents=("a",)))
    one = Header(recipe="r", arguments={"split": "lake"}, parents=(earlier,))
    other = Header(recipe="r", arguments={"split": "vinyals"}, parents=(earlier,), contents=("b",))
    header = header_of_mean([one, other])
    assert header.ancestors() == [header, one, earlier.header, other]  # Each training once.
    with pytest.raises(UserError, match="were trained on the split 'vinyals'"):
        refuse_leak(header, "lake", "test")


def test_a_mean_of_a_mean_tells_of_all_trainings_once() -> None:
    one, two, three = (Header(recipe="r", arguments={"steps": n}, seed=n) for n in (1, 2, 3))
    header = header_of_mean([header_of_mean([one, two]), three, two])
    assert header.averaged == (one, two, three)


def test_the_mean_of_one_network_with_itself_is_that_network(runs) -> None:
    weights = quickstudy.load(runs[0]).state_dict()
    for name, value in average.mean([weights, weights]).items():
        assert torch.equal(value, weights[name])


def test_what_cannot_be_averaged_is_said(runs, tmp_path, capsys) -> None:
    stranger, smaller = "glyphs-nearest", tmp_path / "smaller"
    weights, header = load_trained(tmp_path / "1" / "best.safetensors")
    ended = {f"learner.{name}": value[:1] for name, value in weights.items() if value.ndim}
    save_trained(smaller / "last.safetensors", ended, replace(header, position={"step": 9}))
    for names, complaint in (
        (runs[:1], "two trainings at least"),
        ([runs[0], stranger], f"'{stranger}' (recipe {stranger}, 0 tensors)"),
        ([runs[0], str(smaller)], f"'{smaller}' (recipe {RECIPE}, "),
    ):
        assert average.main(names, Options(ends=True, tasks=2, out=tmp_path / "mean")) == 2
        assert complaint in capsys.readouterr().err
    assert average.main(runs, Options(out=Path(runs[2]))) == 2
    assert "exists already" in capsys.readouterr().err
    assert not (tmp_path / "mean").exists()
