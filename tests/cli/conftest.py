import pytest

from quickstudy.cli import main


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
