import runpy
from pathlib import Path

import pytest

from quickstudy.cli import main
from quickstudy.recipes import RECIPES


@pytest.fixture
def quickstudy(capsys: pytest.CaptureFixture[str]):
    """Run a command: its exit code, standard output and standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stopped:  # How the option parser ends.
            code = int(stopped.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of one recipe more, whose training takes a moment."""
    monkeypatch.setitem(RECIPES, "tiny", runpy.run_path(str(Path(__file__).parent / "tiny.py"))["tiny"])
    return "tiny"
