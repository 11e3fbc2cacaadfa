"""Every learner of the package is on the map, once."""

import re
from pathlib import Path
from typing import get_args

import quickstudy.learners
import tables
from learner_map import ENTRIES, Family, Place, learner_classes, map_section

LEARNERS = Path(__file__).parents[2] / "docs" / "learners"


def test_no_learner_is_missing_and_none_is_unknown() -> None:
    assert set(ENTRIES) == learner_classes()


def test_a_class_that_is_no_learner_is_not_asked_for() -> None:
    assert {"ProtoNet", "VSML", "RL2"} <= learner_classes()
    assert not {"ProtoNetState", "SequencePolicy"} & learner_classes()


def test_every_page_of_the_map_exists_and_every_learners_page_is_on_it() -> None:
    pages = {entry.page for entry in ENTRIES.values()}
    assert all((LEARNERS / page).exists() for page in pages)
    assert {path.name for path in LEARNERS.glob("[!i]*.md")} <= pages


def test_the_page_is_that_of_the_learners_file() -> None:
    elsewhere = {"StandardisedMeans", "AveragedGP", "LSTM", "RL2", "SNAILPolicy", "DecisionTransformer"}
    elsewhere |= {"MANNPolicy", "PolicyMAML"}
    for name, entry in ENTRIES.items():
        if name not in elsewhere:
            module = getattr(quickstudy.learners, name).__module__.rsplit(".", 1)[-1]
            assert entry.page == f"{module}.md", name


def test_each_learner_is_in_one_cell() -> None:
    heading, _, *rows = map_section().splitlines()
    assert heading.count("|") == len(get_args(Family)) + 2
    assert [row.split("|")[1].strip() for row in rows] == list(get_args(Place))
    assert len(re.findall(r"\]\(", "".join(rows))) == len(ENTRIES)
    assert "[Reptile](reptile.md)" in rows[get_args(Place).index("weights")].split("|")[3]


def test_the_map_is_put_between_its_marks() -> None:
    text = "before\n<!-- map: generated -->\nold\n<!-- /map -->\nafter"
    found = tables.with_map(text)
    assert found.startswith("before\n<!-- map: generated -->\n\n| the task is kept in")
    assert found.endswith("<!-- /map -->\nafter")
    assert "old" not in found
    assert tables.with_map(found) == found
