"""Trainings with few and with many tasks are tested on their own tasks and on new ones."""

import json
from pathlib import Path

from PIL import Image

import memorising
from memorising import NEW, SEEN, Options


def test_the_command_trains_tests_and_draws(tmp_path: Path) -> None:
    options = Options(
        distinct=(2, 0), steps=2, shots=(1, 3), tasks=4, out=tmp_path / "out.json", picture=tmp_path / "out.png"
    )
    assert memorising.main(options) == 0
    plain, few, unlimited = json.loads(options.out.read_text())["records"]
    assert plain["learner"] == "nearest class mean"
    assert (few["distinct"], unlimited["distinct"]) == (2, None)
    assert {figure["tested_on"] for figure in few["figures"]} == {SEEN, NEW}
    assert [(figure["tested_on"], figure["shots"]) for figure in unlimited["figures"]] == [(NEW, 1), (NEW, 3)]
    with Image.open(options.picture) as picture:
        assert picture.width > 500
