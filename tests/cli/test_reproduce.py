import json
import os
import signal
import time
from pathlib import Path

import pytest
import torch

from quickstudy.cli import reproduce
from quickstudy.reproduction import Figure, Job, LocalEngine

FIGURE = Figure(
    "omniglot-protonet", "vinyals 20-way 1-shot, rotated", ("--ways", "5"), "accuracy", 100.0, 98.8, 0.98, 0.002
)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> None:
    """All commands are over: the training took two minutes, and the evaluation printed 97 percent."""

    def nothing(name: str, out: Path, data_root: Path | None, *, devices: int = 1) -> Job:
        return Job(f"train {name}", list, out / "o", out / "l", lambda: True)

    def printed(name: str, out: Path, data_root: Path | None) -> list[Job]:
        path = reproduce.evaluation_file(name, FIGURE.options, out)
        out.mkdir(exist_ok=True)
        path.write_text(json.dumps({"accuracy": {"mean": 0.97, "interval95": 0.001}}))
        return []

    monkeypatch.setattr(reproduce, "training", nothing)
    monkeypatch.setattr(reproduce, "evaluations", printed)
    monkeypatch.setattr(reproduce, "seconds_of", lambda folder: 120.0)
    monkeypatch.setattr(reproduce, "figures_of", lambda name: [FIGURE])


def test_the_list_has_parents_steps_and_figures(quickstudy, tmp_path: Path) -> None:
    code, out, _ = quickstudy("reproduce", "omniglot-protonet", "--list", "--json", "--out", tmp_path)
    assert code == 0
    (recipe,) = json.loads(out)["recipes"]
    assert (recipe["name"], recipe["starts_from"], recipe["steps_done"]) == ("omniglot-protonet", None, 0)
    assert recipe["figures"][0].keys() == {"setting", "published", "shipped"}
    code, out, _ = quickstudy("reproduce", "--list", "--out", tmp_path)
    assert code == 0
    assert "gp-general" in out


def test_the_table_compares_published_shipped_and_reproduced(quickstudy, done: None, tmp_path: Path) -> None:
    code, out, err = quickstudy("reproduce", "omniglot-protonet", "--out", tmp_path / "runs")
    assert code == 0
    for part in ("published", "98.8", "98.00 ± 0.20", "97.00 ± 0.10", "difference", "-1.00", "verdict", "lower", "2.0"):
        assert part in out
    assert "train omniglot-protonet: there already" in err
    code, out, _ = quickstudy("reproduce", "omniglot-protonet", "--out", tmp_path / "runs", "--json")
    record = json.loads(out)
    assert record["minutes"] == {"omniglot-protonet": 2.0}
    assert record["figures"][0]["difference"] == pytest.approx(-1.0)
    assert record["failed"] == []
    assert {"commit", "machine", "threads"} <= record.keys()


def test_a_failure_is_reported_with_its_log_and_the_exit_code(
    quickstudy, done: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reproduce, "run_all", lambda jobs, *_: [job.title for job in jobs])
    code, _, err = quickstudy("reproduce", "omniglot-protonet", "--out", tmp_path / "runs")
    assert code == 1
    assert "'train omniglot-protonet' did not end well; its messages are in" in err
    assert "omniglot-protonet.log" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("moon",), "'moon' has no weights to reproduce"),
        (("omniglot-nearest",), "'omniglot-nearest' has no weights to reproduce"),
        (("omniglot-protonet", "--jobs", 0), "--jobs 0 was given"),
    ],
)
def test_mistakes_end_with_one_message(quickstudy, arguments: tuple, message: str) -> None:
    code, _, err = quickstudy("reproduce", *arguments)
    assert code == 2
    assert message in err


@pytest.mark.parametrize(("threads", "jobs", "expected"), [(4, 1, 4), (4, 2, 2), (1, 2, 1)])
def test_the_threads_that_this_process_may_use_are_divided_among_the_trainings(
    threads: int, jobs: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    engine = reproduce._engine(reproduce.ReproduceOptions(jobs=jobs))
    assert isinstance(engine, LocalEngine)
    assert engine.threads == expected


def test_sigterm_stops_the_trainings_too(done: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[bool] = []

    def terminated(*_: object) -> list[str]:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        finally:
            stopped.append(True)
        return []

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(reproduce, "run_all", terminated)
    with pytest.raises(SystemExit, match="143"):
        reproduce.run(["omniglot-protonet", "--out", str(tmp_path / "runs")])
    assert stopped
    assert signal.getsignal(signal.SIGTERM) is before
