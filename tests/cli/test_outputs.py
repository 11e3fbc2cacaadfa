"""Places that cannot be written to are told before the work, and trying them leaves nothing behind."""

from pathlib import Path

import pytest

from quickstudy.cli.outputs import check_file, check_folder
from quickstudy.core import UserError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "t.csv"
    path.write_text("x,kind\n0,a\n0.2,a\n1,b\n1.2,b\n")
    return path


@pytest.mark.parametrize(
    "name",
    [
        "/proc/none/task.safetensors",
        "/dev/null/task.safetensors",
        "{here}/t.csv/deeper/task.safetensors",
        "{here}/folder.safetensors",
        f"{{here}}/{'long' * 70}.safetensors",
    ],
    ids=["system's folder", "below a device", "below a file", "a folder", "a name too long"],
)
def test_adapt_tells_in_one_message_that_a_place_cannot_be_written(
    quickstudy, table: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder.safetensors").mkdir()
    before = sorted(tmp_path.rglob("*"))
    code, out, err = quickstudy("adapt", table, "--out", name.format(here=tmp_path))
    assert (code, out) == (2, "")
    assert err.startswith("quickstudy adapt: --out ")
    assert err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_the_place_is_tried_before_the_examples_are_read(quickstudy, tmp_path: Path) -> None:
    code, _, err = quickstudy("adapt", tmp_path / "missing", "--out", "/dev/null/task.safetensors")
    assert code == 2
    assert "nothing can be written there" in err


def test_folders_that_are_missing_are_made_by_writing_not_by_trying(quickstudy, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "newer" / "task.safetensors"
    check_file("--out", out)
    check_folder("--out", out.parent)
    assert not (tmp_path / "new").exists()
    assert quickstudy("adapt", table, "--out", out)[0] == 0
    assert out.exists()


def test_a_file_that_is_there_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "task.safetensors"
    path.write_text("kept")
    check_file("--out", path)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["kept"]


def test_a_folder_without_permission_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(dir: Path, prefix: str) -> None:
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.setattr("tempfile.mkstemp", refuse)  # Permissions do not hold for the system's administrator.
    with pytest.raises(UserError, match=r"--out .*: Permission denied .*Choose another place\."):
        check_file("--out", tmp_path / "task.safetensors")


def test_export_tells_it_before_it_traces(quickstudy) -> None:
    code, _, err = quickstudy("export", "omniglot-nearest", "--out", "/dev/null/graphs")
    assert code == 2
    assert "--out /dev/null/graphs was given" in err
    assert "tracing" not in err
