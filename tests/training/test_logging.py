import csv
import sys
from pathlib import Path

import pytest

from quickstudy.core import UserError
from quickstudy.training import CSVLog, TensorBoardLog


def test_a_row_is_on_disk_as_soon_as_it_is_written(tmp_path: Path) -> None:
    log = CSVLog(tmp_path / "metrics.csv", first_step=0)
    log.write(50, {"loss": 0.5})
    assert (tmp_path / "metrics.csv").read_text().splitlines()[1].startswith("50,,0.5")
    log.close()


def test_rows_after_the_checkpoint_are_dropped_on_resuming(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    log = CSVLog(path, first_step=0)
    for step in (50, 100, 150):
        log.write(step, {"loss": step / 100})
    log.close()
    log = CSVLog(path, first_step=100)
    log.write(150, {"loss": 9.0})
    log.close()
    assert [row.split(",")[0] for row in path.read_text().splitlines()[1:]] == ["50", "100", "150"]
    assert path.read_text().splitlines()[-1].split(",")[2] == "9"


def test_details_have_columns_of_their_own_which_outlast_a_resumption(tmp_path: Path) -> None:
    path, details = tmp_path / "metrics.csv", ("instance_1", "instance_2")
    log = CSVLog(path, 0, details)
    log.write(50, {"loss": 0.5, "instance_1": 0.2, "instance_2": 0.9})
    log.close()
    log = CSVLog(path, 50, details)
    log.write(100, {"loss": 0.4})
    log.close()
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[-2:] == list(details)
    assert [(row["step"], row["instance_1"], row["instance_2"]) for row in rows] == [
        ("50", "0.2", "0.9"),
        ("100", "", ""),
    ]


def test_a_row_that_a_kill_cut_short_is_dropped_on_resuming(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    log = CSVLog(path, first_step=0)
    for step in (50, 150):
        log.write(step, {"loss": 0.5})
    log.close()
    path.write_text(path.read_text()[: path.read_text().index("150") + 2])  # Reads as step 15 otherwise.
    CSVLog(path, first_step=100).close()
    assert [row.split(",")[0] for row in path.read_text().splitlines()] == ["step", "50"]


def test_a_figure_that_was_not_taken_is_left_empty(tmp_path: Path) -> None:
    log = CSVLog(tmp_path / "metrics.csv", first_step=0)
    log.write(50, {"loss": 0.5, "interval95": None})
    log.close()
    assert (tmp_path / "metrics.csv").read_text().splitlines()[1].endswith(",")


def test_the_rows_before_outlast_a_disk_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.csv"
    log = CSVLog(path, first_step=0)
    log.write(50, {"loss": 0.5})
    log.close()
    before = path.read_text()

    def fail(*arguments: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="No space left"):
        CSVLog(path, first_step=50)
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]


def test_tensorboard_missing_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UserError, match=r"pip install 'quickstudy\[tensorboard\]'"):
        TensorBoardLog(tmp_path, 0)
