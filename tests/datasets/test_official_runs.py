import zipfile
from pathlib import Path

import pytest

from quickstudy.datasets.download import DataError
from quickstudy.datasets.official_runs import load


def test_each_query_has_the_drawing_of_its_own_character(official_runs: Path) -> None:
    runs = load(official_runs)
    assert runs.names == ("run01", "run02")
    assert runs.support.shape == runs.queries.shape == (2, 4, 28, 28)
    assert runs.answers.tolist() == [[1, 2, 3, 0], [2, 3, 0, 1]]
    for support, queries, answers in zip(runs.support, runs.queries, runs.answers, strict=True):
        assert (support[answers] == queries).all()
    assert runs.support.max() == 255, "ink is bright"


def test_a_zip_file_is_read_without_being_unpacked(official_runs: Path, tmp_path: Path) -> None:
    folder = official_runs
    with zipfile.ZipFile(tmp_path / "all_runs.zip", "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(tmp_path))
    zipped, unpacked = load(tmp_path / "all_runs.zip"), load(folder)
    assert all((a == b).all() for a, b in zip(zipped[1:], unpacked[1:], strict=True))


def test_what_is_no_run_is_refused_with_what_to_give(official_runs: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        load(tmp_path / "nowhere")
    (tmp_path / "text.zip").write_text("no archive")
    with pytest.raises(DataError, match="neither a folder nor a ZIP file"):
        load(tmp_path / "text.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no run.*Give the folder of all_runs\.zip"):
        load(tmp_path / "empty")
    folder = official_runs
    (folder / "run01/test/item02.png").write_text("no image")
    with pytest.raises(DataError, match=r"item02\.png is missing or no image"):
        load(folder)
    (folder / "run01/class_labels.txt").write_text("one\n")
    with pytest.raises(DataError, match="does not name two files"):
        load(folder)
