"""Series are read from any of the usual forms of CSV, and divided by their names."""

from pathlib import Path

import numpy as np
import pytest

from quickstudy.datasets import DataError
from quickstudy.datasets.series_files import Columns, read, split


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def test_a_file_has_places_and_values_with_a_header_or_without(tmp_path: Path) -> None:
    found = read(write(tmp_path / "mine", b="day,level\n3,0.5\n1,0.25\n", a="1;2\n2;4\n4;8\n"))
    assert found.names == ("a", "b")
    np.testing.assert_array_equal(found.places[0], [1, 2, 4])
    np.testing.assert_array_equal(found.values[0], [2, 4, 8])
    np.testing.assert_array_equal(found.places[1], [1, 3])
    np.testing.assert_array_equal(found.values[1], [0.25, 0.5])


def test_the_place_of_a_single_column_is_the_number_of_its_row_and_gaps_count(tmp_path: Path) -> None:
    found = read(write(tmp_path / "mine", a="level\n5\n\nNaN\n7\n"))
    np.testing.assert_array_equal(found.places[0], [1, 4])
    np.testing.assert_array_equal(found.values[0], [5, 7])


def test_one_file_names_the_series_of_each_row(tmp_path: Path) -> None:
    path = (
        write(tmp_path, all="child,age,height\nIngrid,2,86\nBo,3,95\nIngrid,3,\nIngrid,4,102\nBo,4,103\n") / "all.csv"
    )
    found = read(path)
    assert found.names == ("Bo", "Ingrid")
    np.testing.assert_array_equal(found.places[1], [2, 4])
    np.testing.assert_array_equal(found.values[0], [95, 103])


def test_without_a_header_and_places_a_file_of_all_series_has_two_columns(tmp_path: Path) -> None:
    found = read(write(tmp_path, all="1,10\n1,11\n2,20\n2,21\n2,22\n") / "all.csv")
    assert found.names == ("1", "2")
    np.testing.assert_array_equal(found.places[1], [1, 2, 3])


def test_columns_are_chosen_by_name_where_there_are_more(tmp_path: Path) -> None:
    path = write(tmp_path, all="note,x,who,y\n?,1,a,5\n?,2,a,6\n") / "all.csv"
    found = read(path, Columns("who", "x", "y"))
    assert found.names == ("a",)
    np.testing.assert_array_equal(found.values[0], [5, 6])
    only_value = read(write(tmp_path / "two", a="note,y,z\n?,5,1\n?,6,1\n"), Columns(value="y"))
    np.testing.assert_array_equal(only_value.places[0], [1, 2])
    with pytest.raises(DataError, match="--place-column"):
        read(path)
    with pytest.raises(DataError, match=r"has no column 'when'. It has: note, x, who, y"):
        read(path, Columns(place="when"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty"),
        ("x,y\n1,two\n2,3\n", r"line 2 holds 'two', but a number was expected"),
        ("x,y\n1,inf\n2,3\n", r"line 2 holds 'inf'"),
        ("x,y\n1,5\n2,\n", r"Series 'a' has 1 point with a value, but 2 are needed"),
        ("x,y\n", r"Series 'a' has 0 points with a value"),
        ("1,2,3\n4,5,6\n", "has 3 columns, but place and value were expected"),
    ],
)
def test_what_cannot_be_read_is_named_or_left_out(tmp_path: Path, text: str, complaint: str) -> None:
    folder = write(tmp_path / "mine", a=text, b="1\n2\n")
    with pytest.raises(DataError, match=complaint + r"[^$]*--skip-unusable"):
        read(folder)
    with pytest.warns(UserWarning, match="left out: .*a"):
        assert read(folder, skip_unusable=True).names == ("b",)


def test_where_nothing_is_left_skipping_does_not_help(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 point"):
        read(write(tmp_path / "mine", a="5\n"), skip_unusable=True)
    with pytest.raises(DataError, match="no files that end in"):
        read(write(tmp_path / "none"))
    with pytest.raises(DataError, match="no folder or file"):
        read(tmp_path / "nowhere")


def test_parts_are_disjoint_and_follow_from_names_and_seed_alone() -> None:
    names = [f"series {index}" for index in range(20)]
    parts = split(names)
    assert [len(part) for part in parts] == [12, 4, 4]
    assert sorted(np.concatenate(parts)) == list(range(20))
    turned = split(names[::-1])
    assert [{names[index] for index in part} for part in parts] == [
        {names[::-1][index] for index in part} for part in turned
    ]
    assert not np.array_equal(parts.test, split(names, seed=1).test)
    with pytest.raises(DataError, match=r"There are 9 series, but .* need 10"):
        split(names[:9])


def test_a_digest_follows_from_the_points(tmp_path: Path) -> None:
    found = read(write(tmp_path / "mine", a="1,2\n2,3\n", b="x,y\n2,3.0\n1,2\n", c="1,2\n2,4\n"))
    assert found.digests[0] == found.digests[1] != found.digests[2]
