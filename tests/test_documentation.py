"""What the README says works."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from quickstudy.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def _blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)


def _commands() -> list[list[str]]:
    lines = [line.split("#")[0].strip() for block in _blocks("sh") for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("quickstudy ")]


def test_the_python_examples_run(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for block in _blocks("python"):
        exec(block, names)
    accuracy = float(capsys.readouterr().out.split("%")[0])
    assert accuracy > 60


def test_the_examples_of_the_page_on_inputs_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # They write a file.
    names: dict[str, object] = {"__name__": "examples"}
    for block in _blocks("python", (ROOT / "docs" / "inputs.md").read_text()):
        exec(block, names)
    x, y = torch.eye(3)[None], torch.arange(3)[None]
    learner = names["MyLearner"]()
    padded = learner.adapt(torch.cat([x, x + 1], dim=1), torch.cat([y, y], dim=1), torch.arange(6)[None] < 3)
    assert learner.predict(padded, x).probs.argmax(dim=-1).tolist() == y.tolist()


@pytest.mark.parametrize("command", _commands(), ids=" ".join)
def test_the_commands_options_exist(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--help"])
    assert stopped.value.code == 0
    told = capsys.readouterr().out
    assert all(word in told for word in command if word.startswith("--"))


def test_every_path_the_documents_link_to_exists() -> None:
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_tables_are_those_of_the_stored_results() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/tables.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
