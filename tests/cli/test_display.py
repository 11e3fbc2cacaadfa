import pytest

from quickstudy.cli.display import EvaluationBar, TrainingBar, duration
from quickstudy.training import Progress


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (9.4, "0:09"), (59.6, "1:00"), (75, "1:15"), (3599, "59:59"), (3600, "1:00:00"), (90061, "25:01:01")],
)
def test_a_duration_is_read_as_a_clock(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def _at(fraction: float, validation: str | None = None) -> Progress:
    return Progress(1200, fraction, 0.25, 31.5, 60.0, validation)


def test_where_there_is_no_terminal_a_line_is_said_at_every_look(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingBar(title="a run", quiet=False) as bar:
        bar.show(_at(0.25))
        bar.show(_at(0.5, "81.00 ± 1.00 %"))
        bar.show(_at(0.75))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "a run"
    assert len(lines) == 2
    assert " ".join(lines[1].split()) == ("50% step 1,200 loss 0.2500 validation 81.00 ± 1.00 % 31.5 tasks/s 1:00 left")


def test_before_the_first_look_and_step_nothing_is_made_up() -> None:
    bar = TrainingBar(title="a run", quiet=True)
    assert "validation –" in bar._status(_at(0.1))
    assert bar._status(_at(0.0)).endswith("0:00 left")


def test_the_last_look_stays_in_sight() -> None:
    with TrainingBar(title="a run", quiet=True) as bar:
        bar.show(_at(0.5, "81 %"))
        bar.show(_at(0.6))
        assert "validation 81 %" in bar._status(_at(0.6))


def test_other_processes_are_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingBar(title="a run", quiet=True) as bar:
        bar.show(_at(0.5, "81 %"))
    with EvaluationBar(100) as bar:
        bar.show("5-way 1-shot", 50)
    assert capsys.readouterr().err.strip() == ""
