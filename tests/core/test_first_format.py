from pathlib import Path

import pytest

from quickstudy.core import UserError
from quickstudy.core.first_format import from_first_format

PATH = Path("weights.safetensors")


def test_options_have_their_names_and_kinds_of_today() -> None:
    written = {
        "recipe": "omniglot-mann-sequences",
        "arguments": {"bent": 3, "sharpens": True},
        "precision": "bf16-mixed",
    }
    found = from_first_format(written, PATH)["arguments"]
    assert (found["copies"], found["key_strength"], found["precision"]) == (3, True, "bf16-mixed")
    frozen = from_first_format({"recipe": "omniglot-snail", "arguments": {"frozen_encoder": True}}, PATH)
    assert frozen["arguments"]["frozen_encoder"] == 1.0


def test_options_that_came_later_have_the_value_that_stood_for_them() -> None:
    found = from_first_format({"recipe": "omniglot-mann", "arguments": {}}, PATH)["arguments"]
    assert (found["addresses"], found["reads"], found["least_used"]) == ("after", "after", None)
    said = from_first_format({"recipe": "omniglot-mann", "arguments": {"addresses": "before"}}, PATH)["arguments"]
    assert said["addresses"] == "before"


@pytest.mark.parametrize("change", [{"before": {}}, {"before": [1]}, {"averaged": "x"}, {"start_from": 3}])
def test_what_is_of_another_kind_is_refused(change: dict) -> None:
    with pytest.raises(UserError, match="its header lacks"):
        from_first_format({"recipe": "r", "arguments": {}, **change}, PATH)
