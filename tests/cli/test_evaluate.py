import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from quickstudy.core import save_checkpoint
from quickstudy.datasets import glyphs, omniglot
from quickstudy.evaluation import answering, evaluate
from quickstudy.learners import Nearest
from quickstudy.recipes import build

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
INSTANCES = ("omniglot-nearest", "--instances", "--ways", 5, "--size", 20, "--tasks", 20)


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


def test_uneven_shots_are_told_by_the_number_of_each_class(quickstudy) -> None:
    command = ("evaluate", "glyphs-nearest", "--shots", 15, 1, 1, 1, 1, "--queries", 5, "--tasks", 30)
    code, out, _ = quickstudy(*command, "--json")
    record = json.loads(out)
    assert code == 0
    assert record["shots"] == [15, 1, 1, 1, 1]
    few, many = (record["accuracy_by_shots"][count]["mean"] for count in ("1", "15"))
    assert set(record["accuracy_by_shots"]) == {"1", "15"}
    assert record["accuracy"]["mean"] == pytest.approx((4 * few + many) / 5)
    assert many > few, "the nearest of many is nearer"
    shown = quickstudy(*command)[1]
    assert all(words in shown for words in ("5-way 15+1+1+1+1-shot", "of 1 shot ", "of 15 shots"))
    even = json.loads(quickstudy("evaluate", "glyphs-nearest", "--shots", 2, "--tasks", 5, "--json")[1])
    assert (even["shots"], even["accuracy_by_shots"]) == (2, None)


def test_the_same_seed_gives_the_same_figures(quickstudy) -> None:
    runs = [json.loads(quickstudy("evaluate", "glyphs-nearest", "--tasks", 20, "--json")[1]) for _ in range(2)]
    assert runs[0] == runs[1]


def test_queries_can_be_answered_one_by_one(quickstudy, tmp_path: Path) -> None:
    arguments = {"channels": 4, "test_steps": 1}
    learner = build("omniglot-maml", arguments).learner
    header = {"format": 2, "recipe": "omniglot-maml", "arguments": arguments, "step": 0}
    save_checkpoint(tmp_path / "best.safetensors", learner.state_dict(), header)
    command = ("evaluate", tmp_path, "--data", "glyphs", "--tasks", 10, "--json")
    together, alone = (json.loads(quickstudy(*command, *more)[1]) for more in ([], ["--inductive"]))
    assert (together["transductive"], alone["transductive"]) == (True, False)
    assert together["negative_log_likelihood"] != alone["negative_log_likelihood"]


def test_what_answers_one_by_one_anyway_cannot_be_made_to(quickstudy) -> None:
    code, _, error = quickstudy("evaluate", "glyphs-nearest", "--tasks", 10, "--inductive")
    assert code == 2
    assert "answers each query by itself anyway" in error


def test_rotated_test_classes_are_said_in_the_title_and_in_the_json(quickstudy, made_up_omniglot: None) -> None:
    command = ("evaluate", "omniglot-nearest", "--tasks", 5, "--queries", 1)
    assert json.loads(quickstudy(*command, "--json")[1])["rotated"] is False
    assert json.loads(quickstudy(*command, "--rotated", "--json")[1])["rotated"] is True
    assert "test classes in four rotations" in quickstudy(*command, "--rotated")[1]
    assert "rotations" not in quickstudy(*command)[1]
    assert json.loads(quickstudy("evaluate", *INSTANCES, "--rotated", "--json")[1])["rotated"] is True


@pytest.mark.parametrize("name", ["glyphs-protonet", "gp-cnp"])
def test_an_experiment_is_built_once(quickstudy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    learner = build(name, {}).learner
    header = {"format": 2, "recipe": name, "arguments": {}, "step": 0}
    save_checkpoint(tmp_path / "best.safetensors", learner.state_dict(), header)
    built = []
    monkeypatch.setattr("quickstudy.pretrained.build", lambda *given: (built.append(given), build(*given))[1])
    assert quickstudy("evaluate", tmp_path, "--tasks", 2)[0] == 0
    assert len(built) == 1


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
        (["omniglot-snail-paper"], "neither a run folder nor a name"),
        (["glyphs-nearest", "--ways", "2000"], "2000 ways need 2000 classes"),
        (["glyphs-nearest", "--ways", "0"], "--ways 0 was given, but a whole number from 1"),
        (["glyphs-nearest", "--shots", "0"], "--shots 0 was given, but a whole number from 1"),
        (["glyphs-nearest", "--shots", "-1"], "--shots -1 was given, but a whole number from 1"),
        (
            ["glyphs-nearest", "--shots", *"23"],
            "--shots 2 3 was given, but a whole number from 1 was expected",
        ),
        (["glyphs-nearest", "--shots", *"11111", "--ways", "4"], "or one for each of the 4 classes"),
        (["glyphs-nearest", "--shots", *"21011"], "--shots 2 1 0 1 1 was given"),
        (["glyphs-nearest", "--shots", "15", *"1111", "--queries", "6"], "15 shots and 6 queries"),
        (["glyphs-nearest", "--queries", "0"], "--queries 0 was given, but a whole number from 1"),
        (["omniglot-nearest", "--instances", "--ways", "0"], "--ways 0 was given, but a whole number from 1"),
        (["glyphs-nearest", "--queries", "30"], "need 31 examples"),
        (["glyphs-nearest", "--tasks", "0"], "--tasks 0 was given, but a whole number from 1"),
        (["omniglot-nearest", "--tasks", "-5", "--data-root", "/nowhere"], "--tasks -5 was given"),
        (["glyphs-nearest", "--seed", "-1"], "The seed -1 was given"),
        (["omniglot-nearest", "--seed", "-1", "--data-root", "/nowhere"], "The seed -1 was given"),
        (["glyphs-nearest", "--seed", str(2**64)], f"The seed {2**64} was given"),
        (["gp-cnp", "--seed", "-1"], "The seed -1 was given"),
        (["gp-cnp", "--tasks", "0"], "--tasks 0 was given"),
        (["glyphs-nearest", "--data", "nothing"], "neither omniglot nor glyphs nor a folder"),
        (["glyphs-nearest", "--within-alphabet"], "no alphabets"),
        (["glyphs-nearest", "--device", "abacus"], "No device 'abacus'"),
        (["glyphs-nearest", "--device", "meta"], "No device 'meta'"),
        (["glyphs-nearest", "--device", "cuda:99"], "No device 'cuda:99'"),
        (["glyphs-nearest", "--device", ""], "No device ''"),
        (["glyphs-nearest", "--way", "3"], "--ways"),
        (["omniglot-nearest", "--data-root", "/nowhere"], "/nowhere"),
        (["glyphs-nearest", "--instances"], "sequences are of omniglot, not of 'glyphs'"),
        (["omniglot-nearest", "--instances", "--data", "glyphs"], "sequences are of omniglot, not of 'glyphs'"),
        (["omniglot-nearest", "--instances", "--shots", "5"], "--shots and --instances"),
        (["omniglot-nearest", "--instances", "--within-alphabet"], "--within-alphabet and --instances"),
        (["omniglot-nearest", "--instances", "--shuffled-labels"], "--shuffled-labels and --instances"),
        (["omniglot-nearest", "--instances", "--queries", "5"], "--queries and --instances"),
        (["omniglot-nearest", "--instances", "--inductive"], "--inductive and --instances"),
        (["glyphs-nearest", "--rotated"], "--rotated was given, but it is for omniglot's characters"),
        (["omniglot-nearest", "--size", "200"], "size = 200 was given"),
        (["omniglot-nearest", "--size", "0"], "size = 0 was given"),
        (["glyphs-nearest", "--size", "20"], "'glyphs' comes in one size"),
    ],
)
def test_a_mistake_has_one_clear_message_and_exit_code_two(quickstudy, arguments: list[str], complaint: str) -> None:
    code, out, err = quickstudy("evaluate", *arguments)
    assert code == 2
    assert complaint in " ".join(err.split())
    assert "Traceback" not in err
    assert out == ""


# What the tasks are made of.


@pytest.fixture
def weights(tmp_path: Path):
    """A run folder with the weights that a recipe starts with, and this in its header."""

    def run(arguments: dict, **header: object) -> Path:
        learner = build("omniglot-protonet", arguments).learner
        header = {"format": 2, "recipe": "omniglot-protonet", "arguments": arguments, "step": 0, **header}
        save_checkpoint(tmp_path / "best.safetensors", learner.state_dict(), header)
        return tmp_path

    return run


LAKE, VINYALS = {"split": "lake", "final": True}, {"split": "vinyals", "final": True}


def started_from(arguments: dict, *before: dict) -> dict:
    """The part of a header that says from which trainings, one after another, these weights come."""
    parent = {"recipe": "omniglot-protonet", "arguments": arguments, **(started_from(*before) if before else {})}
    return {"parents": [{"name": "first", "header": parent}]}


@pytest.mark.parametrize(
    ("header", "is_refused"),
    [
        ({"arguments": LAKE}, False),
        ({"arguments": VINYALS}, True),
        ({"arguments": LAKE, **started_from(VINYALS)}, True),
        ({"arguments": LAKE, **started_from(LAKE, VINYALS)}, True),
        ({"arguments": LAKE, **started_from(LAKE, LAKE)}, False),
    ],
)
def test_weights_that_saw_the_classes_are_refused_whichever_training_it_was(
    quickstudy, weights, made_up_omniglot: None, header: dict, is_refused: bool
) -> None:
    command = ("evaluate", weights(**header), "--split", "lake", "--tasks", 1, "--queries", 1)
    code, out, err = quickstudy(*command)
    assert code == (2 if is_refused else 0)
    assert ("236 of the test classes of 'lake'" in " ".join(err.split())) == is_refused
    assert (out == "") == is_refused
    assert quickstudy(*command, "--part", "train")[0] == 0


def test_weights_that_are_validated_are_refused_where_they_were_trained(
    quickstudy, weights, made_up_omniglot: None
) -> None:
    code, _, err = quickstudy("evaluate", weights(LAKE), "--split", "lake", "--part", "validation", "--tasks", 1)
    assert code == 2
    assert "of the validation classes of 'lake'" in " ".join(err.split())


@pytest.fixture
def drawn(quickstudy, monkeypatch: pytest.MonkeyPatch, made_up_omniglot: None):
    """Evaluate from the command line, and give for each task drawn which drawing of which class its examples are."""
    asked = []
    monkeypatch.setattr(
        "quickstudy.protocols.few_shot.evaluate",
        lambda learner, tasks, *rest: (asked.append(tasks), evaluate(learner, tasks, *rest))[1],
    )

    def run(*arguments: object) -> list[list[int | None]]:
        assert quickstudy("evaluate", "omniglot-nearest", "--tasks", 10, "--queries", 2, *arguments)[0] == 0
        tasks = asked[-1].sample(10, torch.Generator().manual_seed(0))
        images, _ = omniglot.load(size=28)
        class_of = {image.tobytes(): index for index, drawings in enumerate(images) for image in drawings}
        given = (255 * torch.cat([tasks.support_x, tasks.query_x], dim=1)).round().byte().squeeze(2).numpy()
        return [[class_of.get(image.tobytes()) for image in task] for task in given]

    return run


@pytest.mark.parametrize("split", ["lake", "vinyals"])
def test_the_images_asked_about_are_drawings_of_test_classes_as_they_are(drawn, split: str) -> None:
    found = {index for task in drawn("--split", split, "--ways", 20) for index in task}
    assert None not in found  # Such as a drawing that was moved, turned or distorted.
    assert found <= set(omniglot.split(split).test.tolist())
    assert len(found) > 100


def test_the_part_that_is_asked_for_is_asked_about(drawn) -> None:
    found = {index for task in drawn("--split", "lake", "--part", "validation", "--ways", 20) for index in task}
    assert found <= set(omniglot.split("lake").validation.tolist())


def test_within_one_alphabet_all_classes_of_a_task_are_of_one(drawn) -> None:
    alphabet = omniglot.alphabets(omniglot.class_names())
    across, within = (
        [len({alphabet[index] for index in task}) for task in drawn("--ways", 10, *option)]
        for option in ([], ["--within-alphabet"])
    )
    assert within == [1] * 10
    assert min(across) > 1


# What is printed.


def test_one_task_has_no_interval_and_the_json_is_strict(quickstudy) -> None:
    _, out, _ = quickstudy("evaluate", "glyphs-nearest", "--tasks", 1, "--json")
    assert json.loads(out, parse_constant=pytest.fail)["accuracy"]["interval95"] is None
    _, out, _ = quickstudy("evaluate", "glyphs-nearest", "--tasks", 1)
    assert "interval" in out  # In a column so narrow that the words before it are in other lines.
    assert "±" not in out


def test_of_one_sequence_what_no_number_tells_is_null(quickstudy, made_up_omniglot: None) -> None:
    command = ("evaluate", "omniglot-nearest", "--instances", "--ways", 2, "--size", 20, "--tasks", 1)
    record = json.loads(quickstudy(*command, "--json")[1], parse_constant=pytest.fail)
    assert [each["interval95"] for each in record["accuracy_by_instance"]] == [None] * 10
    assert quickstudy(*command)[0] == 0


def test_a_task_larger_than_any_memory_is_told_in_one_message(quickstudy, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(*_arguments: object) -> None:
        torch.empty(2**60)

    monkeypatch.setattr("quickstudy.protocols.few_shot.evaluate", too_large)
    code, out, err = quickstudy("evaluate", "glyphs-nearest")
    assert (code, out) == (2, "")
    assert "needs more memory than there is" in " ".join(err.split())


def test_200_ways_of_5_shots_are_evaluated_in_little_memory(quickstudy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "BYTES_AT_ONCE", 2**27)
    sizes = []
    best = Nearest._best
    monkeypatch.setattr(Nearest, "_best", lambda *asked: (sizes.append(asked[2].numel()), best(*asked))[1])
    command = ("evaluate", "glyphs-nearest", "--ways", 200, "--shots", 5, "--queries", 1, "--tasks", 1, "--json")
    assert json.loads(quickstudy(*command)[1])["ways"] == 200
    assert len(sizes) > 1
    assert max(sizes) < 2**25


def test_nothing_is_printed_beside_the_json(quickstudy) -> None:
    torch.manual_seed(0)
    _, out, _ = quickstudy("evaluate", "glyphs-nearest", "--tasks", 10, "--json")
    assert out.startswith("{")
    assert out.rstrip().endswith("}")


def test_accuracy_by_instance_comes_with_its_ceiling_and_protocol(quickstudy, made_up_omniglot: None) -> None:
    code, out, _ = quickstudy("evaluate", *INSTANCES, "--json")
    record = json.loads(out)
    assert code == 0
    means = [accuracy["mean"] for accuracy in record["accuracy_by_instance"]]
    assert len(means) == 10
    assert means[0] < record["first_instance_ceiling"] == pytest.approx(137 / 300)
    assert means[1:] == [1.0] * 9  # Made-up drawings of a class are all alike.
    assert record["accuracy_after_first"] == {"mean": 1.0, "interval95": 0.0}
    expected = {"classes": 5, "sequences": 20, "size": 20, "data": "omniglot", "split": "vinyals", "part": "test"}
    assert {key: record[key] for key in expected} == expected
    assert not {"shots", "queries", "sampling"} & set(record)


def test_accuracy_by_instance_is_a_table_to_a_person(quickstudy, made_up_omniglot: None) -> None:
    _, out, _ = quickstudy("evaluate", *INSTANCES)
    assert "drawing of its class" in out
    assert out.count("100.00") == 9


@pytest.mark.skipif(
    not os.environ.get("QUICKSTUDY_DATA"), reason="QUICKSTUDY_DATA names no folder with the real Omniglot"
)
def test_on_omniglot_the_nearest_neighbour_gets_better_with_each_drawing_seen(quickstudy) -> None:
    _, out, _ = quickstudy("evaluate", *INSTANCES, "--json")
    first, second, *_, tenth = (accuracy["mean"] for accuracy in json.loads(out)["accuracy_by_instance"])
    assert first < 0.1 < 0.4 < second < tenth


def test_a_learner_that_reads_no_sequences_is_refused(quickstudy, made_up_omniglot: None) -> None:
    code, out, err = quickstudy("evaluate", "omniglot-protonet", "--instances")
    assert (code, out) == (2, "")
    assert "ProtoNet has no method predict_sequence" in " ".join(err.split())
    assert "Traceback" not in err


def test_images_are_of_the_size_asked_for(quickstudy, made_up_omniglot: None) -> None:
    sizes = [
        json.loads(quickstudy("evaluate", "omniglot-nearest", "--tasks", 10, *size, "--json")[1])["size"]
        for size in ((), ("--size", 14))
    ]
    assert sizes == [28, 14]


def test_a_folder_is_read_at_the_size_that_the_learner_was_built_for(quickstudy, folder: Path) -> None:
    for name in ("omniglot-mann-sequences", "omniglot-lstm", "omniglot-autoencoder"):
        code, out, err = quickstudy("evaluate", name, "--data", folder, "--queries", 4, "--tasks", 3, "--json")
        assert code == 0, err
        assert json.loads(out)["size"] == 20
    code, out, _ = quickstudy("evaluate", "omniglot-lstm", "--data", "glyphs", "--tasks", 3, "--json")
    assert (code, json.loads(out)["size"]) == (0, 20)


@pytest.mark.parametrize("data", ["folder", "glyphs"])
def test_a_learner_of_strings_is_told_to_read_sequences(quickstudy, folder: Path, data: str) -> None:
    given = folder if data == "folder" else data
    code, _, err = quickstudy("evaluate", "omniglot-mann-strings", "--data", given, "--queries", 4)
    assert code == 2
    assert "only sequences of omniglot have. Add --instances, and leave --data out." in " ".join(err.split())


def test_images_of_another_size_than_the_weights_read_are_refused(quickstudy, folder: Path) -> None:
    for name, size, built_for in (("omniglot-protonet", 20, 28), ("omniglot-mann", 20, 28), ("omniglot-lstm", 28, 20)):
        for data in ([], ["--data", folder]):
            code, out, err = quickstudy("evaluate", name, "--size", size, *data)
            assert (code, out) == (2, "")
            assert f"these weights read images of {built_for}×{built_for} pixels" in " ".join(err.split())


def test_without_weights_a_folder_is_read_at_any_size(quickstudy, folder: Path) -> None:
    command = ("evaluate", "glyphs-nearest", "--data", folder, "--queries", 4, "--tasks", 5, "--size", 14, "--json")
    code, out, _ = quickstudy(*command)
    assert (code, json.loads(out)["size"]) == (0, 14)


@pytest.fixture
def uneven_folder(folder: Path, tmp_path: Path) -> Path:
    """Six classes of which the first two have but two and three drawings."""
    uneven = tmp_path / "uneven"
    shutil.copytree(folder, uneven)
    for name, count in (("class0", 2), ("class1", 3)):
        for path in sorted((uneven / name).iterdir())[count:]:
            path.unlink()
    return uneven


def test_classes_that_are_too_small_are_named_with_their_counts(quickstudy, uneven_folder: Path) -> None:
    command = ("evaluate", "glyphs-nearest", "--data", uneven_folder, "--ways", 3, "--queries", 4, "--tasks", 5)
    code, out, err = quickstudy(*command)
    assert (code, out) == (2, "")
    assert "need 5 images of every class" in " ".join(err.split())
    assert "fewer of: class0 (2), class1 (3)." in " ".join(err.split())
    assert "--skip-small" in err


def test_classes_that_are_too_small_can_be_left_out(quickstudy, uneven_folder: Path) -> None:
    command = ("evaluate", "glyphs-nearest", "--data", uneven_folder, "--queries", 4, "--tasks", 5, "--skip-small")
    code, out, err = quickstudy(*command, "--ways", 4, "--json")
    assert code == 0
    assert json.loads(out)["ways"] == 4
    assert "left out, having too few images: class0 (2), class1 (3)" in err
    code, _, err = quickstudy(*command, "--ways", 5)
    assert code == 2
    assert "5 ways need 5 classes, but there are 4" in err
    code, _, err = quickstudy("evaluate", "glyphs-nearest", "--skip-small")
    assert code == 2
    assert "it is for a folder of images" in " ".join(err.split())
