import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from quickstudy.core import Header, header_of, load_trained, save_trained
from quickstudy.pretrained import describe
from quickstudy.recipes import RECIPES
from quickstudy.reproduction import Figure, Job, LocalEngine, Progress, evaluations, jobs, run_all, training
from quickstudy.reproduction.jobs import evaluation_file, read_output, seconds_of, steps_of

TINY = Path(__file__).parent.parent / "cli" / "tiny.py"


def job(folder: Path, title: str, *after: str, code: int = 0) -> Job:
    """Writes its title into a file of its name, unless it fails."""
    made = folder / title
    script = f"import sys; {code} or open({str(made)!r}, 'w').write('x'); sys.exit({code})"
    command = [sys.executable, "-c", script]
    return Job(title, lambda: command, folder / f"{title}.out", folder / f"{title}.log", made.exists, after)


def states(seen: list[Progress]) -> list[tuple[str, str]]:
    return [(each.title, each.state) for each in seen]


def test_jobs_wait_for_what_they_need(tmp_path: Path) -> None:
    seen: list[Progress] = []
    listed = [job(tmp_path, "a"), job(tmp_path, "b", "a"), job(tmp_path, "c", "b")]
    assert run_all(listed, LocalEngine(1), 3, seen.append) == []
    assert states(seen) == [(each, state) for each in "abc" for state in ("started", "done")]


def test_no_more_run_than_at_once(tmp_path: Path) -> None:
    seen: list[Progress] = []
    run_all([job(tmp_path, each) for each in "abcd"], LocalEngine(1), 2, seen.append)
    running = most = 0
    for _, state in states(seen):
        running += {"started": 1, "done": -1}[state]
        most = max(most, running)
    assert most == 2


def test_what_is_there_is_not_done_again(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    seen: list[Progress] = []
    run_all([job(tmp_path, "a"), job(tmp_path, "b", "a")], LocalEngine(1), 1, seen.append)
    assert states(seen) == [("a", "there already"), ("b", "started"), ("b", "done")]


def test_what_waits_for_a_failure_is_left_out_and_the_rest_is_done(tmp_path: Path) -> None:
    seen: list[Progress] = []
    listed = [job(tmp_path, "a", code=3), job(tmp_path, "b", "a"), job(tmp_path, "c", "b"), job(tmp_path, "d")]
    assert run_all(listed, LocalEngine(1), 1, seen.append) == ["a", "b", "c"]
    assert (tmp_path / "d").exists()
    assert ("c", "left out") in states(seen)


def test_a_command_that_ends_well_without_a_result_has_failed(tmp_path: Path) -> None:
    empty = job(tmp_path, "a")._replace(is_done=lambda: False)
    assert run_all([empty], LocalEngine(1), 1, lambda each: None) == ["a"]


def test_what_waits_for_a_job_that_is_not_there_is_left_out(tmp_path: Path) -> None:
    assert run_all([job(tmp_path, "a", "moon")], LocalEngine(1), 1, lambda each: None) == ["a"]


def test_a_running_job_reports_how_far_it_has_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_SECONDS_BETWEEN_REPORTS", 0.0)
    seen: list[Progress] = []
    run_all([job(tmp_path, "a")._replace(report=lambda: "half"), job(tmp_path, "b")], LocalEngine(1), 2, seen.append)
    assert ("a", "half") in states(seen)
    assert {state for title, state in states(seen) if title == "b"} == {"started", "done"}


def test_an_interruption_stops_the_commands(tmp_path: Path) -> None:
    def interrupted(progress: Progress) -> None:
        raise KeyboardInterrupt

    endless = [sys.executable, "-c", "import time; time.sleep(600)"]
    listed = [Job("a", lambda: endless, tmp_path / "out", tmp_path / "log", lambda: False)]
    with pytest.raises(KeyboardInterrupt):
        run_all(listed, LocalEngine(1), 1, interrupted)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A recipe whose training takes a moment, here and in the commands; it is measured with two options."""
    monkeypatch.setitem(RECIPES, "tiny", runpy.run_path(str(TINY))["tiny"])
    monkeypatch.setattr(jobs, "_QUICKSTUDY", (sys.executable, str(TINY)))
    folder = tmp_path_factory.mktemp("drawings")
    for number in range(9):
        (folder / f"class {number // 3}").mkdir(exist_ok=True)
        image = np.random.default_rng(number).integers(256, size=(8, 8), dtype=np.uint8)
        Image.fromarray(image).save(folder / f"class {number // 3}" / f"{number}.png")
    options = ("--data", str(folder), "--ways", "3", "--queries", "2", "--tasks", "20")
    figure = Figure("tiny", "3-way 1-shot", options, "accuracy", 100.0, None, 0.5, 0.1)
    monkeypatch.setattr(jobs, "figures_of", lambda name: [figure, figure._replace(setting="again")])
    return "tiny"


def test_a_recipe_is_trained_and_measured_and_a_second_call_does_nothing(tiny: str, tmp_path: Path) -> None:
    seen: list[Progress] = []
    listed = [training(tiny, tmp_path), *evaluations(tiny, tmp_path)]
    assert len(listed) == 2  # Two figures of one command.
    failed = run_all(listed, LocalEngine(1), 2, seen.append)
    assert failed == [], (tmp_path / "tiny.log").read_text()
    assert steps_of(tmp_path / tiny) == 12
    assert seconds_of(tmp_path / tiny) > 0
    output = read_output(listed[1].output)
    assert output is not None
    assert 0 <= output["accuracy"]["mean"] <= 1
    again: list[Progress] = []
    run_all([training(tiny, tmp_path), *evaluations(tiny, tmp_path)], LocalEngine(1), 2, again.append)
    assert {each.state for each in again} == {"there already"}


def test_a_training_that_was_cut_off_goes_on(tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILLED_AT", "2")
    assert run_all([training(tiny, tmp_path)], LocalEngine(1), 1, lambda each: None) == ["train tiny"]
    assert 0 < steps_of(tmp_path / tiny) < 12
    monkeypatch.delenv("KILLED_AT")
    assert "--resume" in training(tiny, tmp_path).command()
    assert run_all([training(tiny, tmp_path)], LocalEngine(1), 1, lambda each: None) == []
    assert steps_of(tmp_path / tiny) == 12


def test_two_processes_share_a_training(tiny: str, tmp_path: Path) -> None:
    job = training(tiny, tmp_path, devices=2)
    assert run_all([job], LocalEngine(1), 1, lambda each: None) == [], (tmp_path / "tiny.log").read_text()
    assert steps_of(tmp_path / tiny) == 12
    assert header_of(tmp_path / tiny / "best.safetensors").recipe == tiny


def test_a_training_starts_from_the_run_of_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "parent_of", lambda name: "tiny")
    job = training("omniglot-snail", tmp_path)
    assert job.after == ("train tiny",)
    command = job.command()
    assert command[command.index("--start-from") + 1] == str(tmp_path / "tiny")


def test_what_the_package_rounds_is_rounded_before_others_start_from_it_or_it_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert describe("omniglot-encoder").is_in_half_precision
    header = Header(recipe="omniglot-encoder")
    save_trained(tmp_path / "omniglot-encoder/best.safetensors", {"w": torch.tensor([1 / 3])}, header)
    command = training("omniglot-snail", tmp_path).command()
    rounded = Path(command[command.index("--start-from") + 1])
    tensors, header = load_trained(rounded)
    assert tensors["w"].tolist() == torch.tensor([1 / 3]).half().tolist()
    assert header.is_in_half_precision
    measured = evaluations("omniglot-encoder", tmp_path)[0].command()
    assert measured[measured.index("evaluate") + 1] == str(rounded)


def test_half_an_output_is_none(tmp_path: Path) -> None:
    path = evaluation_file("w", ("--ways", "5"), tmp_path)
    assert read_output(path) is None
    path.write_text('{"accuracy": ')
    assert read_output(path) is None
    path.write_text('{"accuracy": 1}')
    assert read_output(path) == {"accuracy": 1}
