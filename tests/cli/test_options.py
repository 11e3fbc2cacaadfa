import json
from dataclasses import dataclass

import pytest

from quickstudy.cli.options import captured, parse, print_evaluations, print_instances, print_json
from quickstudy.evaluation import evaluate, evaluate_instances
from quickstudy.learners import Nearest
from quickstudy.tasks import Episodes, InstanceSequences, Layout, SequenceLayout


@dataclass(frozen=True, kw_only=True)
class Options:
    ways: int = 5
    """Classes in a task."""
    is_quick: bool = False
    """Hurry."""


def _command(options: Options) -> Options:
    return options


def test_options_are_read_by_their_own_names() -> None:
    assert parse(_command, "try", []) == Options()
    assert parse(_command, "try", ["--ways", "7", "--is-quick"]) == Options(ways=7, is_quick=True)


@pytest.mark.parametrize("arguments", [["--ways", "many"], ["--way"], ["--ways"], ["surplus"]])
def test_a_mistake_ends_with_exit_code_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(_command, "try", arguments)
    assert stopped.value.code == 2
    captured_text = capsys.readouterr()
    assert captured_text.out == ""
    assert captured_text.err


def test_help_tells_the_program_and_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(_command, "try", ["--help"])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert "quickstudy try" in out
    assert "Classes in a task." in out


def test_captured_a_function_returns_its_arguments_and_is_otherwise_itself() -> None:
    def recipe(*, ways: int = 5) -> None:
        """What it is."""
        raise AssertionError("called")

    found = captured(recipe)
    assert found(ways=3) == {"ways": 3}
    assert (found.__name__, found.__doc__) == ("recipe", "What it is.")


def test_the_text_of_an_option_has_no_line_breaks() -> None:
    def recipe(*, ways: int = 5, shots: int = 1) -> None:
        """What it is.

        More of it,
        in two lines.

        Args:
            ways: Classes
                in a task.
            shots: Examples of each class.
        """

    assert "ways: Classes in a task.\n    shots: Examples" in (captured(recipe).__doc__ or "")
    assert "of it,\nin two" in (captured(recipe).__doc__ or "")


def test_json_is_one_object_that_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    record = {"accuracy": {"mean": 0.5, "interval95": 0.1}, "split": None}
    print_json(record)
    assert json.loads(capsys.readouterr().out) == record


def test_a_table_has_a_row_for_each_setting(glyph_images, capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluate(Nearest(), Episodes(glyph_images, Layout(3, 1, 2)), 20)
    print_evaluations("how it did", {"3-way 1-shot": found, "the same": found})
    out = capsys.readouterr().out
    assert out.startswith("how it did")
    for text in ("3-way 1-shot", "the same", str(found.accuracy), f"{found.negative_log_likelihood:.3f} nats", "20"):
        assert text in out


def test_of_instances_a_table_has_a_row_for_each_and_a_column_for_each_setting(
    glyph_images, capsys: pytest.CaptureFixture[str]
) -> None:
    table = evaluate_instances(Nearest(), InstanceSequences(glyph_images, SequenceLayout(classes=3)), 10)
    print_instances("by instance", {"3 classes": table, "again": table})
    out = capsys.readouterr().out
    assert all(out.count(str(accuracy)) >= 2 for accuracy in table.accuracy)
