import ast
import inspect
import json
import os
import textwrap
from dataclasses import fields, is_dataclass
from itertools import pairwise
from typing import Any

import pytest
import torch

from quickstudy.core import Experiment, UserError
from quickstudy.networks.blur import Blur
from quickstudy.recipes import RECIPES, build, default_arguments, find_recipe


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_rebuilt_from_its_stored_arguments(name: str) -> None:
    arguments = default_arguments(name)
    first, second = build(name, arguments), build(name, json.loads(json.dumps(arguments)))
    assert isinstance(first, Experiment)
    assert str(first.learner) == str(second.learner)
    assert first.optimisation == second.optimisation


@pytest.mark.parametrize("name", RECIPES)
def test_every_option_is_documented(name: str) -> None:
    documentation = inspect.getdoc(RECIPES[name]) or ""
    parameters = inspect.signature(RECIPES[name]).parameters
    assert all(f"    {parameter}: " in documentation for parameter in parameters)
    groups = [type(each.default) for each in parameters.values() if is_dataclass(each.default)]
    assert all(field.name in documented(group) for group in groups for field in fields(group))


@pytest.mark.skipif(
    not os.environ.get("QUICKSTUDY_DATA"), reason="QUICKSTUDY_DATA names no folder with the real Omniglot"
)
@pytest.mark.parametrize("name", [name for name in RECIPES if name.startswith("omniglot")])
def test_the_defaults_of_a_recipe_make_a_step_of_real_characters(name: str, generator: torch.Generator) -> None:
    experiment = build(name, {})
    assert experiment.train(None).sample(1, generator) is not None  # A pool too small for its tasks is refused here.


def documented(group: type) -> set[str]:
    """The options of a group, and of the groups that it extends, that a text follows."""
    found: set[str] = set()
    for each in group.__mro__[:-1]:
        body = ast.parse(textwrap.dedent(inspect.getsource(each))).body[0].body
        for line, after in pairwise(body):
            if isinstance(line, ast.AnnAssign) and isinstance(after, ast.Expr):
                found.add(ast.unparse(line.target))
    return found


@pytest.mark.parametrize("name", RECIPES)
def test_no_two_options_of_a_recipe_share_a_name(name: str) -> None:
    parameters = inspect.signature(RECIPES[name]).parameters
    groups = [each.default for each in parameters.values() if is_dataclass(each.default)]
    names = [each for each in parameters if not is_dataclass(parameters[each].default)]
    names += [field.name for group in groups for field in fields(group)]
    assert sorted(names) == sorted(default_arguments(name))


def test_an_unknown_recipe_or_argument_is_named() -> None:
    with pytest.raises(UserError, match=r"Did you mean omniglot-protonet"):
        find_recipe("omniglot-prototnet")
    with pytest.raises(UserError, match="no argument colour"):
        build("omniglot-protonet", {"colour": 1})


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ({"blur": -1.0}, "blur = -1.0 was given"),
        ({"max_key_strength": 5.0}, "a bound above 10"),
        ({"size": 200}, "^size = 200 was given"),
    ],
)
def test_a_value_that_nothing_can_be_built_with_is_the_users_mistake(argument: Any, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        build("omniglot-mann-sequences", argument)


def test_the_concatenated_cnp_is_tested_only_at_ways_it_can_read() -> None:
    assert set(build("omniglot-cnp-paper", {}).test) == {"5-way 1-shot", "5-way 5-shot"}
    assert "20-way 1-shot" in build("omniglot-cnp", {}).test


def test_a_blur_is_of_the_images_and_brings_no_weights() -> None:
    plain, blurred = (build("omniglot-mann-sequences", {"blur": width}).learner.eval() for width in (0.0, 0.8))
    blurred.load_state_dict(plain.state_dict())
    x, y = torch.rand(2, 6, 1, 20, 20), torch.arange(12).view(2, 6) % 5
    expected = plain.predict_sequence(Blur(0.8)(x), y)
    assert torch.allclose(blurred.predict_sequence(x, y).logits, expected.logits, atol=1e-5)


def test_the_autoencoder_reads_the_sequences_of_the_other_baselines() -> None:
    experiment = build("omniglot-autoencoder", {})
    assert (experiment.validate_by, list(experiment.test)) == ("instances", ["5 classes, one-hot"])
    assert experiment.learner.num_inputs == 20 * 20


def test_learners_of_drawings_know_what_their_inputs_lie_between_and_others_do_not() -> None:
    ranges = {name: build(name, {}).learner.input_range for name in RECIPES if "folder" not in name}
    of_drawings = {name for name in ranges if name.startswith(("omniglot", "glyphs")) and "completion" not in name}
    assert {name for name, found in ranges.items() if found == (0.0, 1.0)} == of_drawings
    assert {found for name, found in ranges.items() if name not in of_drawings} == {None}
