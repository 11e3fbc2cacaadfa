"""A learner is found by name, with what it was made for."""

import pytest
import torch

import quickstudy
from quickstudy.core import UserError
from quickstudy.estimators.chosen import choose, is_of_values
from quickstudy.learners import Nearest, ProtoNet


@pytest.mark.parametrize(
    ("name", "ways", "has_slots"),
    [
        ("omniglot-protonet", None, False),
        ("omniglot-transformer", 20, True),
        ("omniglot-snail", 20, True),
        ("omniglot-metanet", 20, True),
        ("omniglot-reptile", 5, True),
        ("omniglot-mann-sequences", 5, True),
        ("omniglot-nearest", None, False),
    ],
)
def test_limits_are_those_of_the_weights(name: str, ways: int | None, has_slots: bool) -> None:
    limits = choose(name).limits
    assert limits.ways == ways
    assert limits.has_slots == has_slots


def test_weights_say_the_size_of_their_images() -> None:
    assert choose("omniglot-protonet").size == 28
    assert choose("omniglot-mann-sequences").size == 20


def test_every_learner_answers_each_query_by_itself() -> None:
    assert not choose("omniglot-maml-first-order").learner.is_transductive
    assert not choose("omniglot-reptile").learner.is_transductive


def test_shipped_weights_are_read_once() -> None:
    assert choose("omniglot-cnp").learner is choose("omniglot-cnp").learner


def test_your_own_learner_is_copied() -> None:
    own = ProtoNet(torch.nn.Flatten(2))
    chosen = choose(own)
    assert chosen.learner is not own
    assert (chosen.name, chosen.reads_drawings) == ("ProtoNet", False)


def test_learners_of_values_are_known() -> None:
    values = [name for name in quickstudy.available() if name.startswith(("gp-", "table-gp", "sinusoid-"))]
    assert all(is_of_values(choose(name).learner) for name in values)
    assert not any(is_of_values(choose(name).learner) for name in ("omniglot-cnp", "omniglot-maml", "table-means"))
    assert not is_of_values(Nearest())


def test_what_is_no_learner_is_refused() -> None:
    with pytest.raises(UserError, match="neither a run folder nor a name"):
        choose("nothing")
    with pytest.raises(UserError, match="labels that are strings"):
        choose("omniglot-mann-strings")
