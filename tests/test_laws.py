"""Every learner we ship obeys the laws. Adding a learner is adding a line to the list."""

import pytest
import torch
from torch.nn.functional import avg_pool2d

from quickstudy.core import Learner, Tasks
from quickstudy.learners import (
    CNP,
    LSTM,
    MAML,
    MANN,
    SNAIL,
    TNP,
    AttentiveCNP,
    AutoencoderNearest,
    CNPClassifier,
    ContrastiveEncoder,
    ConvCNP,
    GridConvCNP,
    InContextTransformer,
    MetaNet,
    Nearest,
    NeuralProcess,
    ProtoNet,
    Reptile,
)
from quickstudy.networks import Conv4
from quickstudy.networks.functional import FunctionalConv4, FunctionalNetwork, FunctionalPerceptron
from quickstudy.tasks import Episodes, GaussianProcesses, Layout, PointLayout
from quickstudy.testing import check_learner

SIDE = 14  # Of images, in pixels: half of the usual is a quarter of the arithmetic, and the laws are the same.
PIXELS = SIDE**2


def _encoder(**options) -> Conv4:
    return Conv4(channels=8, image_size=SIDE, **options)


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


def _metanet(max_ways: int = 3, **options) -> MetaNet:
    encoder = _encoder(downsampling="pool", keep_edge=True)
    return MetaNet(encoder, encoder.map_shape, max_ways=max_ways, num_features=16, sharpness=10.0, **options)


def _contrastive(**options) -> ContrastiveEncoder:
    encoder = _encoder()
    return ContrastiveEncoder(encoder, encoder.num_features, **options)


def _network(num_ways: int, **options) -> FunctionalConv4:
    return FunctionalConv4(num_ways, channels=8, image_size=SIDE, head_deviation=0.1, **options)


def _maml(num_ways: int = 3, **options) -> MAML:
    return MAML(_network(num_ways, blocks=3), **options)


def _reptile(network: FunctionalNetwork, **options) -> Reptile:
    return Reptile(network, inner_steps=3, test_steps=5, inner_rate=1e-2, **options)


LEARNERS = {
    "nearest": Nearest,
    "nearest by code": lambda: AutoencoderNearest(PIXELS, hidden=64),
    "protonet": lambda: ProtoNet(_encoder()),
    "protonet with max-pooling": lambda: ProtoNet(_encoder(downsampling="pool", blocks=3)),
    "protonet with group normalisation": lambda: ProtoNet(_encoder(normalisation="group", blocks=3)),
    "cnp, shared decoder": lambda: _cnp("shared"),
    "cnp, concatenated decoder": lambda: _cnp("concatenated"),
    "cnp, with places to spare": lambda: _cnp("concatenated", num_ways=5),
    "mann": lambda: MANN(
        PIXELS, max_ways=3, hidden=64, slots=16, width=10, heads=2, labels_come="at once", sharpens=True
    ),
    "lstm": lambda: LSTM(PIXELS, max_ways=3, hidden=64, labels_come="at once"),
    "meta networks": _metanet,
    "meta networks, with slots to spare": lambda: _metanet(5),
    "meta networks, of second order": lambda: _metanet(second_order=True, cells=None),
    "contrastive encoder": _contrastive,
    "contrastive encoder, without its projection": lambda: _contrastive(projects_at_test=False),
    "maml": _maml,
    "maml of first order, with slots to spare": lambda: _maml(5, first_order=True, test_steps=3),
    "maml without transduction": lambda: MAML(FunctionalPerceptron(PIXELS, (32, 16), 3), is_transductive=False),
    "anil, with rates learnt": lambda: _maml(adapts="head", learns_rates=True),
    "reptile": lambda: _reptile(
        FunctionalConv4(3, channels=8, blocks=2, image_size=SIDE, pooling="none", head_deviation=0.1)
    ),
    "reptile without transduction": lambda: _reptile(FunctionalPerceptron(PIXELS, (32, 16), 3), is_transductive=False),
    "snail": _snail,
    "snail, with slots to spare": lambda: _snail(5, 10),
    "in-context transformer": _transformer,
    "in-context transformer, with slots to spare": lambda: _transformer(5),
}


LEARNERS_OF_FUNCTIONS = {
    "cnp": lambda: CNP(hidden=32),
    "maml": lambda: MAML(FunctionalPerceptron(1, (16, 16), 1, normalises=False), answers="values", inner_rate=0.01),
    "attentive cnp": lambda: AttentiveCNP(channels=32, num_heads=4),
    "tnp": lambda: TNP(channels=32, num_blocks=2, hidden=64),
    "tnp, autoregressive": lambda: TNP(channels=32, num_blocks=2, hidden=64, is_autoregressive=True),
    "convolutional cnp": lambda: ConvCNP(points_per_unit=8.0, channels=16, dilations=(1, 2)),
    "neural process": lambda: NeuralProcess(hidden=32, latent=8),
    "neural process, with a direct path": lambda: NeuralProcess(
        hidden=32, latent=8, has_direct_path=True, objective="likelihood", training_samples=4
    ),
}


@pytest.mark.parametrize("name", LEARNERS_OF_FUNCTIONS)
def test_every_learner_of_functions_obeys_the_laws(name: str, generator: torch.Generator) -> None:
    learner: Learner = LEARNERS_OF_FUNCTIONS[name]()
    check_learner(learner, GaussianProcesses(PointLayout(6, 5)).sample(4, generator))


LEARNERS_OF_PIXELS = {
    "convolutional cnp on the grid": lambda: GridConvCNP(grid=(7, 9), channels=16, blocks=2),
}


@pytest.mark.parametrize("name", LEARNERS_OF_PIXELS)
def test_every_learner_of_pixels_obeys_the_laws(name: str, generator: torch.Generator) -> None:
    learner: Learner = LEARNERS_OF_PIXELS[name]()
    check_learner(learner, GaussianProcesses(PointLayout(6, 5, 0.0, 1.0, inputs=2)).sample(4, generator))


# How long they are trained: most know the few tasks by then.
STEPS = 75
MORE_STEPS = {
    "mann": 200,
    "lstm": 200,
    "meta networks, with slots to spare": 150,
    "snail": 200,
    "snail, with slots to spare": 200,
    "in-context transformer": 200,
    "in-context transformer, with slots to spare": 200,
}


@pytest.fixture
def small_tasks(glyph_images, generator) -> Tasks:
    """As `tasks`, of images half as high and wide."""
    halved = avg_pool2d(glyph_images.float(), 28 // SIDE).round().to(glyph_images.dtype)
    return Episodes(halved, Layout(ways=3, shots=2, queries=3)).sample(4, generator)


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_obeys_the_laws(name: str, small_tasks: Tasks) -> None:
    learner: Learner = LEARNERS[name]()
    held = check_learner(learner, small_tasks, training_steps=MORE_STEPS.get(name, STEPS))
    assert "training beats chance" in held
