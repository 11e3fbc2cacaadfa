"""The list of faults is of today's source; `python tests/mutations.py` says which of them the tests notice."""

import runpy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
MUTATIONS = runpy.run_path(str(ROOT / "tests" / "mutations.py"))


@pytest.mark.parametrize("fault", MUTATIONS["FAULTS"], ids=lambda fault: fault.name)
def test_every_fault_has_one_place_and_tests_that_exist(fault: Any) -> None:
    assert (ROOT / "src" / "quickstudy" / fault.file).read_text(encoding="utf-8").count(fault.old) == 1
    assert fault.new != fault.old
    files = MUTATIONS["test_files"]([fault])
    assert files
    assert all((ROOT / file).is_file() for file in files)


def test_no_two_faults_have_one_name() -> None:
    assert [name for name, count in Counter(fault.name for fault in MUTATIONS["FAULTS"]).items() if count > 1] == []
