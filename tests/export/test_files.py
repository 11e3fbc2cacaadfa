import json
import sys
from pathlib import Path

import pytest
import torch

from quickstudy.core import Header, UserError
from quickstudy.export import files
from quickstudy.export.files import export_files
from quickstudy.learners import ProtoNet
from quickstudy.networks import Conv4


@pytest.fixture
def learner() -> ProtoNet:
    torch.manual_seed(0)
    return ProtoNet(Conv4(channels=4, image_size=14))


def test_files_of_both_kinds_are_written_and_agree_with_the_learner(learner: ProtoNet, tmp_path: Path) -> None:
    found = export_files(learner, Header(recipe="omniglot-protonet"), tmp_path / "graphs")
    names = ["adapt.pt2", "predict.pt2", "adapt.onnx", "predict.onnx", "graphs.json"]
    assert [path.name for path in found.files] == names
    assert all(path.stat().st_size for path in found.files)
    assert set(found.differences) == {"torch", "onnx"}
    assert max(found.differences.values()) < 1e-4
    described = json.loads((tmp_path / "graphs/graphs.json").read_text())
    shape = described["adapt"]["inputs"]["support_x"]
    assert shape[2:] == [1, 14, 14]
    assert all(isinstance(size, str) for size in shape[:2]), "numbers of tasks and examples are open"
    assert described["predict"]["outputs"] == ["log_probabilities"]


def test_files_in_torchs_own_format_are_loaded_without_quickstudys_classes(learner: ProtoNet, tmp_path: Path) -> None:
    export_files(learner, Header(recipe="omniglot-protonet"), tmp_path, kind="torch")
    adapt = torch.export.load(tmp_path / "adapt.pt2").module()
    x, y = torch.rand(1, 4, 1, 14, 14), torch.tensor([[0, 1, 0, 1]])
    prototypes, _ = adapt(x, y, torch.arange(2))
    assert torch.allclose(prototypes, learner.adapt(x, y).prototypes, atol=1e-5)


def test_graphs_that_differ_from_the_learner_are_not_called_good(
    learner: ProtoNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_difference_in_torch", lambda *_: 0.5)
    with pytest.raises(UserError, match=r"differ from the learner by 0\.5"):
        export_files(learner, Header(recipe="r"), tmp_path, kind="torch")


def test_without_the_packages_the_message_says_what_to_install(
    learner: ProtoNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UserError, match=r"pip install 'quickstudy\[export\]'"):
        export_files(learner, Header(recipe="r"), tmp_path)
    with pytest.raises(UserError, match="The format 'png' was given"):
        export_files(learner, Header(recipe="r"), tmp_path, kind="png")


def test_what_onnx_cannot_say_is_one_message_with_the_way_out(
    learner: ProtoNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxscript")

    def fail(*_: object, **__: object) -> None:
        raise torch.onnx.OnnxExporterError("step 2") from RuntimeError("no such operation\nand much more")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(UserError, match=r"ONNX cannot .*: no such operation\. .*--format torch"):
        export_files(learner, Header(recipe="r"), tmp_path, kind="onnx")


def test_files_that_onnxruntime_cannot_run_are_told(
    learner: ProtoNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(files, "_write_onnx", lambda _, *paths: [path.write_text("no graph") for path in paths])
    with pytest.raises(UserError, match=r"adapt\.onnx and .*predict\.onnx cannot be run: .*--format torch"):
        export_files(learner, Header(recipe="r"), tmp_path, kind="onnx")
