"""The benchmarks measure what they say."""

import json
import shlex
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import measure
import sampler
import throughput
import timing
from quickstudy.cli import main as quickstudy_main
from quickstudy.cli.evaluate import read
from quickstudy.core import save_checkpoint
from quickstudy.protocols import Weights, open_weights
from quickstudy.recipes import build
from quickstudy.tasks import Episodes, Layout


def telling_images(classes: int, examples: int) -> torch.Tensor:
    """Every pixel of class c is c + 1, but for the first, which is the example's number."""
    images = (torch.arange(classes, dtype=torch.uint8) + 1)[:, None, None, None].repeat(1, examples, 28, 28)
    images[:, :, 0, 0] = torch.arange(examples, dtype=torch.uint8)
    return images


@pytest.mark.parametrize("setting", [sampler.Setting(5, 1, 4, False), sampler.Setting(20, 5, 2, True)])
def test_both_ways_make_valid_tasks_of_equal_shapes(setting: sampler.Setting) -> None:
    draws = sampler.contenders(sampler.random_images(30), setting)  # Checks every batch that it draws here.
    ours, usual = draws[sampler.OURS](), draws[sampler.USUAL]()
    assert [field.shape for field in ours] == [field.shape for field in usual]
    assert [field.dtype for field in ours] == [field.dtype for field in usual]


def test_the_usual_way_labels_each_class_by_itself_and_never_shows_a_query_in_the_support() -> None:
    tasks = sampler.UsualWay(telling_images(30, 20), Layout(5, 3, 15)).sample(6)
    support, query = ((255 * x).round().flatten(2).int() for x in (tasks.support_x, tasks.query_x))
    for task in range(6):
        classes = {int(y): int(x) for y, x in zip(tasks.support_y[task], support[task, :, 1], strict=True)}
        assert len(set(classes.values())) == 5
        for y, x in zip(tasks.query_y[task], query[task, :, 1], strict=True):
            assert classes[int(y)] == int(x)
        seen = {tuple(image[:2].tolist()) for image in support[task]}
        asked = {tuple(image[:2].tolist()) for image in query[task]}
        assert len(seen) == 15
        assert len(asked) == 75
        assert not seen & asked


def test_invalid_tasks_are_noticed() -> None:
    layout = Layout(5, 1, 15)
    tasks = Episodes(sampler.random_images(30), layout).sample(2, torch.Generator())
    sampler.check_tasks(tasks, 2, layout, (1, 28, 28))
    with pytest.raises(AssertionError):
        sampler.check_tasks(tasks._replace(support_y=tasks.support_y * 0), 2, layout, (1, 28, 28))
    with pytest.raises(AssertionError):
        sampler.check_tasks(tasks._replace(query_x=tasks.query_x * 255), 2, layout, (1, 28, 28))


def test_rates_count_what_was_done_and_ratios_are_of_one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])

    def taking(seconds: float) -> timing.Work:
        def work() -> int:
            clock[0] += seconds
            return 2

        return work

    rates = timing.paired_rates({"fast": taking(0.01), "slow": taking(0.05)}, rounds=3, seconds=1.0)
    assert rates["fast"] == pytest.approx([200.0] * 3)
    assert rates["slow"] == pytest.approx([40.0] * 3)
    assert timing.ratios(rates, "fast", "slow") == pytest.approx([5.0] * 3)


def test_the_sampler_record_holds_every_round() -> None:
    record = sampler.measure(sampler.random_images(30), sampler.Setting(5, 1, 4, True), rounds=2, seconds=0.01)
    assert [len(rates) for rates in record["tasks_per_second"].values()] == [2, 2]
    assert record["ratio"]["minimum"] == min(record["ratios"])
    assert record["goal"] == sampler.GOAL
    json.dumps(record)


def test_contenders_in_training_differ_in_one_thing_only() -> None:
    images = torch.rand(3, 1, 28, 28)
    ours, first = throughput.Training(), throughput.Training(encoder=throughput.ContiguousConv4())
    first.learner.load_state_dict(ours.learner.state_dict())
    assert ours.learner.encoder.encoder.blocks[0](images).is_contiguous(memory_format=torch.channels_last)
    assert first.learner.encoder.blocks[0](images).is_contiguous()
    torch.testing.assert_close(ours.learner.encoder(images), first.learner.encoder(images))


def test_steps_with_any_feeding_and_task_by_task_change_the_weights() -> None:
    images = sampler.random_images(70)
    recipe, small = throughput.recipe_comparison(images), throughput.batching_comparison(images)
    assert recipe.images_per_step == 60 * 6
    assert small.images_per_step == 16 * 80
    recipe.steps["usual feeding"]()
    training = throughput.Training()
    before = [parameter.clone() for parameter in training.learner.parameters()]
    training.step_task_by_task(Episodes(images, Layout(5, 1, 2)).sample(2, torch.Generator()))
    assert not any(torch.equal(*pair) for pair in zip(before, training.learner.parameters(), strict=True))


def opened(recipe: str, arguments: dict, folder: Path) -> Weights:
    header = {"format": 2, "recipe": recipe, "arguments": arguments, "step": 1}
    save_checkpoint(folder / recipe / "best.safetensors", build(recipe, arguments).learner.state_dict(), header)
    return open_weights(folder / recipe)


COUNTS = [(5, 1), (5, 5), (20, 1), (20, 5)]


def test_the_grid_covers_the_protocol(tmp_path: Path) -> None:
    omniglot = measure.grid(opened("omniglot-protonet", {"split": "lake"}, tmp_path))
    even = [setting for setting in omniglot if isinstance(setting.shots, int) and not setting.rotated]
    plain = {tuple(setting[:4]) for setting in even if not (setting.within_alphabet or setting.shuffled_labels)}
    assert plain == {("omniglot", split, *count) for split in ("lake", "vinyals") for count in COUNTS}
    assert measure.Setting("omniglot", "lake", 20, 1, within_alphabet=True) in omniglot
    assert measure.Setting("omniglot", "lake", 5, 1, shuffled_labels=True) in omniglot
    assert measure.Setting("omniglot", "vinyals", 5, (15, 1, 1, 1, 1), queries=5) in omniglot
    rotated = [setting for setting in omniglot if setting.rotated]
    assert rotated == [measure.Setting("omniglot", "vinyals", *count, rotated=True) for count in COUNTS]
    assert all("--rotated" in setting.arguments("x", 1) for setting in rotated)
    assert len(omniglot) == len(set(omniglot)) == 15
    glyphs = measure.grid(opened("glyphs-protonet", {}, tmp_path))
    assert glyphs == [measure.Setting("glyphs", None, *count) for count in COUNTS] + omniglot
    assert measure.grid(open_weights("glyphs-nearest")) == glyphs[:4]


def test_transductive_learners_are_measured_both_ways_but_for_uneven_shots(tmp_path: Path) -> None:
    plain = measure.grid(opened("omniglot-protonet", {}, tmp_path))
    both = measure.grid(opened("omniglot-maml", {"channels": 4}, tmp_path))
    alone = [setting._replace(inductive=True) for setting in plain if isinstance(setting.shots, int)]
    assert both[:15] == plain
    assert both[-14:] == alone
    assert all("--inductive" in setting.arguments("x", 1) for setting in alone)
    # As many queries as shots, as MAML's paper has them.
    assert [(each.ways, each.shots, each.queries, each.rotated) for each in both[15:-14]] == [
        (ways, shots, shots, True) for ways, shots in COUNTS
    ]


def test_the_command_of_a_setting_and_its_options_say_the_same() -> None:
    for setting in (
        measure.Setting("omniglot", "lake", 20, 5, within_alphabet=True),
        measure.Setting("omniglot", "vinyals", 5, (15, 1, 1, 1, 1), queries=5),
        measure.Setting("omniglot", "vinyals", 5, 1, rotated=True, inductive=True, queries=1),
        measure.Setting("glyphs", None, 5, 1, shuffled_labels=True),
    ):
        name, protocol, _ = read(setting.arguments("x", 7)[1:])
        ours = setting.options(7, None)
        assert name == "x"
        assert {each.name: getattr(protocol, each.name) for each in fields(ours)} == vars(ours)


def test_weights_of_functions_are_left_to_another_benchmark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header = {"format": 2, "recipe": "gp-cnp", "arguments": {}, "step": 0}
    save_checkpoint(tmp_path / "best.safetensors", build("gp-cnp", {}).learner.state_dict(), header)
    assert measure.predicts_values(open_weights(tmp_path))
    assert not measure.predicts_values(open_weights("omniglot-nearest"))
    assert measure.main([str(tmp_path)], measure.Options(out=tmp_path)) == 2
    assert "benchmarks/accuracy/functions.py" in capsys.readouterr().err
    assert "omniglot-nearest" in measure.default_names()


@pytest.fixture
def folder_of_images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    noise = np.random.default_rng(0).integers(0, 256, (20, 16, 28, 28), dtype=np.uint8)
    for class_index, drawings in enumerate(noise):
        (folder / f"class{class_index:02}").mkdir(parents=True)
        for index, drawing in enumerate(drawings):
            Image.fromarray(drawing).save(folder / f"class{class_index:02}" / f"{index:02}.png")
    return folder


def test_a_record_is_what_the_command_prints_and_a_refusal_is_recorded(
    tmp_path: Path, folder_of_images: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "run" / "best.safetensors"
    learner = build("omniglot-cnp-paper", {}).learner
    save_checkpoint(
        weights, learner.state_dict(), {"format": 2, "recipe": "omniglot-cnp-paper", "arguments": {}, "step": 0}
    )
    five = measure.measure(open_weights(weights.parent), measure.Setting(str(folder_of_images), None, 5, 1), 3, None)
    assert five["refusal"] is None
    monkeypatch.chdir(tmp_path)  # The command names the run without where it lies.
    assert quickstudy_main(shlex.split(five["command"])[1:]) == 0
    assert five["result"] == json.loads(capsys.readouterr().out)
    twenty = measure.measure(open_weights(weights.parent), measure.Setting(str(folder_of_images), None, 20, 1), 3, None)
    assert twenty["result"] is None
    assert "5" in twenty["refusal"]


def test_all_settings_of_a_learner_are_left_in_one_file(
    tmp_path: Path, folder_of_images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "_plain_grid", lambda weights: [measure.Setting(str(folder_of_images), None, 5, 1)])
    assert measure.main(["omniglot-nearest"], measure.Options(out=tmp_path / "out", tasks=2)) == 0
    (record,) = json.loads((tmp_path / "out" / "accuracy-omniglot-nearest.json").read_text())
    assert (record["weights"], record["trained_on"]) == ("omniglot-nearest", None)
    assert record["result"]["tasks"] == 2


def test_uneven_shots_are_measured_by_the_command_that_says_so(folder_of_images: Path) -> None:
    setting = measure.Setting(str(folder_of_images), None, 5, (9, 1, 1, 1, 1), queries=5)
    arguments = setting.arguments("omniglot-nearest", 7)
    shots, queries = arguments.index("--shots"), arguments.index("--queries")
    assert arguments[shots + 1 : shots + 6] == ["9", "1", "1", "1", "1"]
    assert arguments[queries + 1] == "5"
    assert str(setting).endswith("5-way 9+1+1+1+1-shot")
    record = measure.measure(open_weights("omniglot-nearest"), setting, 3, None)
    assert set(record["result"]["accuracy_by_shots"]) == {"1", "9"}
    assert record["result"]["shots"] == [9, 1, 1, 1, 1]


def test_uneven_shots_are_measured_alone_and_what_is_there_is_kept(
    tmp_path: Path, folder_of_images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    even = measure.Setting(str(folder_of_images), None, 5, 1)
    uneven = even._replace(shots=(3, 1, 1, 1, 1), queries=5)
    path = tmp_path / "accuracy-omniglot-nearest.json"

    def measured(**options: str | int) -> list[dict]:
        assert measure.main(["omniglot-nearest"], measure.Options(out=tmp_path, **options)) == 0
        records: list[dict] = json.loads(path.read_text())
        return records

    monkeypatch.setattr(measure, "_plain_grid", lambda weights: [even, uneven])
    assert [each["shots"] for each in measured(tasks=2)] == [1, [3, 1, 1, 1, 1]]
    again = measured(tasks=3, only="uneven")
    assert [(each["shots"], each["result"]["tasks"]) for each in again] == [(1, 2), ([3, 1, 1, 1, 1], 3)]


def test_rotated_settings_are_measured_alone_and_what_is_there_is_kept(
    tmp_path: Path, made_up_omniglot: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    upright = measure.Setting("omniglot", "vinyals", 5, 1, queries=1)
    monkeypatch.setattr(measure, "_plain_grid", lambda weights: [upright, upright._replace(rotated=True)])
    for tasks, only in ((2, "all"), (3, "rotated")):
        assert measure.main(["omniglot-nearest"], measure.Options(out=tmp_path, tasks=tasks, only=only)) == 0
    records = json.loads((tmp_path / "accuracy-omniglot-nearest.json").read_text())
    assert [(each["rotated"], each["result"]["rotated"], each["result"]["tasks"]) for each in records] == [
        (False, False, 2),
        (True, True, 3),
    ]
    assert "--rotated" in records[1]["command"]


def test_a_transductive_learner_leaves_records_of_both_ways(
    tmp_path: Path, folder_of_images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {"channels": 4, "test_steps": 1}
    learner, run = build("omniglot-maml", arguments).learner, tmp_path / "run"
    header = {"format": 2, "recipe": "omniglot-maml", "arguments": arguments, "step": 0}
    save_checkpoint(run / "best.safetensors", learner.state_dict(), header)
    setting = measure.Setting(str(folder_of_images), None, 5, 1)
    monkeypatch.setattr(measure, "_plain_grid", lambda weights: [setting])
    monkeypatch.setattr(measure, "_papers_queries", lambda weights: [])
    assert measure.main([str(run)], measure.Options(out=tmp_path, tasks=2)) == 0
    together, alone = json.loads((tmp_path / "accuracy-run.json").read_text())
    assert [(each["transductive"], each["inductive"]) for each in (together, alone)] == [(True, False), (False, True)]
    assert [each["result"]["transductive"] for each in (together, alone)] == [True, False]
    assert together["command"].startswith("quickstudy evaluate run ")  # Not where the folder lies.
    assert together["result"]["weights"] == "run"


def test_measuring_what_is_not_there_ends_with_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert measure.main(["no-such-weights"], measure.Options(out=tmp_path)) == 2
    assert "no-such-weights" in capsys.readouterr().err
