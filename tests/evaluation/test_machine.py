import platform
import subprocess
from types import SimpleNamespace

import pytest
import torch

import quickstudy
from quickstudy.evaluation import machine, provenance


def test_a_figure_says_where_and_with_what_it_was_made() -> None:
    found = provenance()
    assert found["quickstudy"] == quickstudy.__version__
    assert (found["torch"], found["python"]) == (torch.__version__, platform.python_version())
    assert found["threads"] == torch.get_num_threads()
    assert platform.machine() in str(found["machine"])


def test_the_commit_is_that_of_the_package_and_marked_where_files_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], **options: object) -> SimpleNamespace:
        asked.append(command)
        return SimpleNamespace(stdout="abc123-dirty\n")

    monkeypatch.setattr(machine.subprocess, "run", run)
    assert provenance()["commit"] == "abc123-dirty"
    assert "--dirty" in asked[0]
    assert asked[0][2] in machine.__file__


@pytest.mark.parametrize(
    "problem",
    [FileNotFoundError("git"), subprocess.CalledProcessError(128, "git"), subprocess.TimeoutExpired("git", 10)],
)
def test_without_git_the_commit_is_unknown(monkeypatch: pytest.MonkeyPatch, problem: Exception) -> None:
    def run(*_arguments: object, **_options: object) -> None:
        raise problem

    monkeypatch.setattr(machine.subprocess, "run", run)
    assert provenance()["commit"] == "unknown"
