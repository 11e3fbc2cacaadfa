"""Every learner we ship obeys the laws. Adding a learner is adding a line to the list."""

import pytest

from quickstudy.core import Learner, Tasks
from quickstudy.learners import (
    LSTM,
    MANN,
    SNAIL,
    AutoencoderNearest,
    CNPClassifier,
    InContextTransformer,
    Nearest,
    ProtoNet,
)
from quickstudy.networks import Conv4
from quickstudy.testing import check_learner


def _encoder(**options) -> Conv4:
    return Conv4(channels=8, **options)


def _cnp(decoder: str, num_ways: int = 3) -> CNPClassifier:
    encoder = _encoder(blocks=3)
    return CNPClassifier(encoder, encoder.num_features, decoder=decoder, num_ways=num_ways)


def _snail(max_ways: int = 3, max_examples: int = 6) -> SNAIL:
    encoder, sizes = _encoder(), ((8, 8), (16, 16), (16, 16))
    return SNAIL(
        encoder, encoder.num_features, max_ways=max_ways, max_examples=max_examples, filters=16, attention=sizes
    )


def _transformer(max_ways: int = 3) -> InContextTransformer:
    encoder = _encoder()
    sizes = {"channels": 32, "num_blocks": 2, "num_heads": 2, "hidden": 64}
    return InContextTransformer(encoder, encoder.num_features, max_ways=max_ways, **sizes)


LEARNERS = {
    "nearest": Nearest,
    "nearest by code": lambda: AutoencoderNearest(784, hidden=64),
    "protonet": lambda: ProtoNet(_encoder()),
    "protonet with max-pooling": lambda: ProtoNet(_encoder(downsampling="pool")),
    "protonet with group normalisation": lambda: ProtoNet(_encoder(normalisation="group")),
    "cnp, shared decoder": lambda: _cnp("shared"),
    "cnp, concatenated decoder": lambda: _cnp("concatenated"),
    "cnp, with places to spare": lambda: _cnp("concatenated", num_ways=5),
    "mann": lambda: MANN(784, max_ways=3, hidden=64, slots=16, width=10, heads=2, labels_come="at once", sharpens=True),
    "lstm": lambda: LSTM(784, max_ways=3, hidden=64, labels_come="at once"),
    "snail": _snail,
    "snail, with slots to spare": lambda: _snail(5, 10),
    "in-context transformer": _transformer,
    "in-context transformer, with slots to spare": lambda: _transformer(5),
}


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_obeys_the_laws(name: str, tasks: Tasks) -> None:
    learner: Learner = LEARNERS[name]()
    assert "training beats chance" in check_learner(learner, tasks)
