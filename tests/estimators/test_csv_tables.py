"""CSV files are read row by row; a row that cannot be read is named."""

from pathlib import Path

import pytest

from quickstudy.core import UserError
from quickstudy.estimators.csv_tables import as_values, last_column, read_csv


@pytest.fixture
def table(tmp_path: Path):
    def write(text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "table.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_any_usual_separator_is_found(table, separator: str) -> None:
    path = table("a,b,kind\n1,2,x\n3,4.5,y\n".replace(",", separator))
    found = read_csv(path, "kind")
    assert found.columns == ("a", "b")
    assert found.numbers.tolist() == [[1, 2], [3, 4.5]]
    assert found.target == ("x", "y")
    assert last_column(path) == "kind"


def test_marks_of_other_programs_blank_lines_and_quotes_do_not_matter(table) -> None:
    found = read_csv(table('"größe",kind\r\n1,"a, b"\r\n\r\n2,c\r\n', "utf-8-sig"), "kind")
    assert found.columns == ("größe",)
    assert found.target == ("a, b", "c")


def test_a_bad_row_is_named_and_the_others_are_read(table) -> None:
    found = read_csv(table("a,b,kind\n1,2,x\n1,?,x\n1,,x\n1,inf,x\n1,2,\n5,6,y\n"), "kind")
    assert found.rows == (1, 6)
    assert sorted(found.problems) == [2, 3, 4, 5]
    assert "row 2: column 'b' holds '?'" in found.problems[2]
    assert "row 3: column 'b' holds nothing" in found.problems[3]
    assert "the target 'kind' is missing" in found.problems[5]


def test_queries_may_have_other_columns_too(table) -> None:
    found = read_csv(table("note,b,a\nhello,2,1\n"), columns=("a", "b"))
    assert found.numbers.tolist() == [[1, 2]]
    assert found.target is None


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "is empty"),
        ("1,2\n3,4\n", {}, "holds numbers, but names of columns were expected"),
        ("a,a\n1,2\n", {}, "empty or equal names"),
        ("a,b\n1,2\n", {"target": "c"}, "has no column 'c'. It has: 'a', 'b'"),
        ("a,b\n1,2\n", {"columns": ("a", "z")}, "lacks the columns 'z'"),
    ],
)
def test_what_is_no_table_is_refused(table, text: str, options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_csv(table(text), **options)


def test_a_single_column_is_a_curve_over_the_numbers_of_its_rows_with_gaps(table) -> None:
    found = read_csv(table("level\n5\n\nNaN\n7\n\n"), "level")
    assert found.numbers.tolist() == [[1], [4]]
    assert found.target == ("5", "7")
    assert list(found.problems) == [2, 3]
    asked = read_csv(table("level\n5\n\nNaN\n7\n"), columns=found.columns)
    assert asked.numbers.flatten().tolist() == [1, 2, 3, 4]
    named = read_csv(table("row\n8\n\n9\n"), columns=found.columns)
    assert named.numbers.flatten().tolist() == [8, 9]


def test_missing_files_and_other_encodings_are_refused(table, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no file"):
        read_csv(tmp_path / "missing.csv")
    with pytest.raises(UserError, match="Save it as CSV in UTF-8"):
        read_csv(table("größe\n1\n", "latin-1"))


def test_text_and_repeated_whole_numbers_name_classes() -> None:
    assert as_values(("a", "b")) is None
    assert as_values(("0", "1", "0", "1")) is None
    assert as_values(("0.5", "1", "0.5", "1")).tolist() == [0.5, 1, 0.5, 1]
    assert as_values(("3", "7", "12", "30")).tolist() == [3, 7, 12, 30]
