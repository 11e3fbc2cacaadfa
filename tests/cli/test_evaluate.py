import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from quickstudy.datasets import glyphs

FACE = {
    "accuracy",
    "negative_log_likelihood",
    "calibration_error",
    "tasks",
    "ways",
    "shots",
    "queries",
    "data",
    "split",
    "seed",
    "transductive",
    "learner",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six classes of seven drawings, as PNG files, black on white."""
    root = tmp_path_factory.mktemp("drawings")
    for class_index, drawings in enumerate(glyphs.load(6, 7)):
        (root / f"class{class_index}").mkdir()
        for index, drawing in enumerate(drawings):
            Image.fromarray((255 - drawing).numpy()).save(root / f"class{class_index}" / f"{index}.png")
    return root


def test_json_holds_the_public_face_and_the_protocol(quickstudy) -> None:
    code, out, _ = quickstudy("evaluate", "glyphs-nearest", "--tasks", 20, "--ways", 4, "--seed", 3, "--json")
    record = json.loads(out)
    assert code == 0
    assert set(record) >= FACE
    assert set(record["accuracy"]) == {"mean", "interval95"}
    assert (record["tasks"], record["ways"], record["seed"], record["data"]) == (20, 4, 3, "glyphs")
    assert record["commit"]


def test_the_same_seed_gives_the_same_figures(quickstudy) -> None:
    runs = [json.loads(quickstudy("evaluate", "glyphs-nearest", "--tasks", 20, "--json")[1]) for _ in range(2)]
    assert runs[0] == runs[1]


def test_shuffled_labels_give_chance(quickstudy) -> None:
    _, out, _ = quickstudy("evaluate", "glyphs-nearest", "--tasks", 200, "--shuffled-labels", "--json")
    assert json.loads(out)["accuracy"]["mean"] == pytest.approx(0.2, abs=0.01)


def test_a_folder_of_images_can_be_evaluated_on(quickstudy, folder: Path) -> None:
    code, out, _ = quickstudy("evaluate", "glyphs-nearest", "--data", folder, "--queries", 4, "--tasks", 50, "--json")
    record = json.loads(out)
    assert code == 0
    assert record["split"] is None
    assert record["accuracy"]["mean"] > 0.3


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["glyphs-nowhere"], "neither a run folder nor a name"),
        (["omniglot-snail"], "neither a run folder nor a name"),
        (["glyphs-nearest", "--ways", "2000"], "2000 ways need 2000 classes"),
        (["glyphs-nearest", "--shots", "0"], "numbers from 1"),
        (["glyphs-nearest", "--queries", "30"], "need 31 examples"),
        (["glyphs-nearest", "--tasks", "0"], "at least one"),
        (["glyphs-nearest", "--data", "nothing"], "neither omniglot nor glyphs nor a folder"),
        (["glyphs-nearest", "--within-alphabet"], "no alphabets"),
        (["glyphs-nearest", "--device", "abacus"], "No device 'abacus'"),
        (["glyphs-nearest", "--way", "3"], "--ways"),
        (["omniglot-nearest", "--data-root", "/nowhere"], "/nowhere"),
    ],
)
def test_a_mistake_has_one_clear_message_and_exit_code_two(quickstudy, arguments: list[str], complaint: str) -> None:
    code, out, err = quickstudy("evaluate", *arguments)
    assert code == 2
    assert complaint in " ".join(err.split())
    assert "Traceback" not in err
    assert out == ""


def test_weights_are_not_evaluated_on_classes_they_were_trained_on() -> None:
    from quickstudy.core import UserError
    from quickstudy.recipes.sources import refuse_leak, trained_classes_among

    assert trained_classes_among("lake", "vinyals") == 0
    assert trained_classes_among("vinyals", "vinyals") == 0
    refuse_leak("lake", "vinyals")
    with pytest.raises(UserError, match="include 236 of the test classes"):
        refuse_leak("vinyals", "lake")


def test_nothing_is_printed_beside_the_json(quickstudy) -> None:
    torch.manual_seed(0)
    _, out, _ = quickstudy("evaluate", "glyphs-nearest", "--tasks", 10, "--json")
    assert out.startswith("{")
    assert out.rstrip().endswith("}")
