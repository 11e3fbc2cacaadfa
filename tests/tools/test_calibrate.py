"""A calibration is stored with the weights, whose numbers stay."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import calibrate
import quickstudy
from quickstudy.core import Header, UserError, load_trained, save_trained
from quickstudy.pretrained import calibration, describe
from quickstudy.protocols.lineage import free_classes
from quickstudy.recipes import build

ARGUMENTS = {"downsampling": "stride"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    header = Header(recipe="glyphs-protonet", arguments=ARGUMENTS, step=0, provenance={"commit": "0123abc"})
    weights = build("glyphs-protonet", ARGUMENTS).learner.state_dict()
    save_trained(tmp_path / "run" / "best.safetensors", weights, header)
    return tmp_path / "run"


def options(folder: Path, **changes: bool) -> calibrate.Options:
    return calibrate.Options(tasks=2, test_tasks=2, queries=2, out=folder, **changes)


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch, made_up_omniglot: None) -> None:
    """Of one small setting alone."""
    fitted = calibrate.calibrate
    monkeypatch.setattr(calibrate, "calibrate", lambda weights, options: fitted(weights, options, [(5, 1)]))


def test_it_is_stored_with_the_weights_whose_numbers_stay(run: Path, tmp_path: Path, quickly: None) -> None:
    before, header = load_trained(run / "best.safetensors")
    assert calibrate.main([str(run)], options(tmp_path)) == 0
    after, calibrated = load_trained(run / "best.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert after.keys() == before.keys()
    assert replace(calibrated, calibration=()) == header
    figures = json.loads((tmp_path / "calibration-run.json").read_text())
    assert figures["test"][0]["ways"] == 5
    assert calibration(run).at(5, 1).temperature == figures["fitted"][0]["temperature"]


def test_the_predictions_of_the_learner_stay_as_they_were_measured(run: Path, tmp_path: Path, quickly: None) -> None:
    def logits() -> torch.Tensor:
        x = torch.rand(1, 5, 1, 28, 28, generator=torch.Generator().manual_seed(0))
        learner = quickstudy.load(run)
        return learner.predict(learner.adapt(x, torch.arange(5)[None]), x).logits

    before = logits()
    calibrate.main([str(run)], options(tmp_path))
    assert torch.equal(before, logits())


def test_weights_stay_as_they_are_where_it_only_measures(run: Path, tmp_path: Path, quickly: None) -> None:
    assert calibrate.main([str(run)], options(tmp_path, only_measure=True)) == 0
    assert describe(run).calibration == ()


def test_weights_without_a_calibration_say_how_to_fit_one(run: Path) -> None:
    with pytest.raises(UserError, match=r"has no calibration.*calibrate\.py"):
        calibration(run)


def test_learners_of_values_are_refused_with_one_message(tmp_path: Path, capsys) -> None:
    assert calibrate.main(["gp-cnp"], options(tmp_path)) == 2
    assert "does not name classes" in capsys.readouterr().err


def test_all_shipped_classifiers_of_single_images_are_calibrated_by_default() -> None:
    names = calibrate.classifiers()
    assert {"omniglot-protonet", "glyphs-protonet", "omniglot-maml"} <= set(names)
    assert not {"gp-cnp", "omniglot-nearest", "omniglot-lstm", "omniglot-mann-strings"} & set(names)


@pytest.mark.parametrize("name", [name for name in calibrate.classifiers() if describe(name).calibration])
def test_shipped_calibrations_are_fitted_on_free_classes_alone(name: str) -> None:
    header = describe(name)
    for setting in calibration(name).settings:
        free = len(free_classes(header, "vinyals"))
        assert (setting.data, setting.classes) == (("glyphs", 1000) if free < 80 else ("omniglot", free))
        assert setting.tasks >= 100
