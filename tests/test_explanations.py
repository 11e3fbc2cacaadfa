"""The examples of the pages that explain a system run, and what they assert holds."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
PAGES = ("in_context", "self_reference")


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_run(page: str) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / f"{page}.md").read_text(), flags=re.DOTALL)
    assert blocks
    for block in blocks:
        assert "assert " in block
        exec(block, {})


@pytest.mark.parametrize("page", PAGES)
def test_the_pictures_of_a_page_and_the_commands_that_make_them_exist(page: str) -> None:
    text = (DOCS / f"{page}.md").read_text()
    for picture in re.findall(r"!\[.+?\]\((.+?)\)", text, flags=re.DOTALL):
        assert (DOCS / picture).is_file()
    for command in re.findall(r"python (benchmarks/\S+\.py)", text):
        assert (DOCS.parent / command).is_file()
