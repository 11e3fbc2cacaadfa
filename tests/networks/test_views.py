import copy

import pytest
import torch
from torch import nn

from quickstudy.core import Tasks
from quickstudy.learners import ProtoNet
from quickstudy.networks import Conv4, Views
from quickstudy.networks.views import shift_images


class Pixels(nn.Module):
    """An encoder whose features are the pixels, so that a mean of views can be worked out by hand."""

    def forward(self, images):
        return images.flatten(-3)


def encoder() -> Conv4:
    torch.manual_seed(0)
    made = Conv4(channels=8, downsampling="pool")
    made(torch.rand(16, 1, 28, 28))  # Running statistics of something.
    return made


@pytest.mark.parametrize(
    ("down", "right", "expected"),
    [
        (0, 0, [[1, 2], [3, 4]]),
        (1, 0, [[0, 0], [1, 2]]),
        (-1, 0, [[3, 4], [0, 0]]),
        (0, 1, [[0, 1], [0, 3]]),
        (0, -1, [[2, 0], [4, 0]]),
        (1, 1, [[0, 0], [0, 1]]),
    ],
)
def test_what_comes_in_from_outside_is_zero(down, right, expected):
    assert shift_images(torch.tensor([[1, 2], [3, 4]]), down, right).tolist() == expected


def test_it_is_the_mean_over_the_image_and_its_four_shifts():
    images = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
    views = [[1, 2, 3, 4], [0, 0, 1, 2], [3, 4, 0, 0], [0, 1, 0, 3], [2, 0, 4, 0]]
    expected = torch.tensor(views, dtype=torch.float32).mean(dim=0)
    assert torch.allclose(Views(Pixels()).eval()(images)[0], expected)


def test_it_averages_the_embeddings_of_a_trained_encoder(generator):
    conv4 = encoder().eval()
    images = torch.rand(2, 3, 1, 28, 28, generator=generator)
    padded = nn.functional.pad(images, (1, 1, 1, 1))
    corners = [(1, 1), (0, 1), (2, 1), (1, 0), (1, 2)]
    expected = torch.stack([conv4(padded[..., y : y + 28, x : x + 28]) for y, x in corners]).mean(dim=0)
    seen = Views(conv4).eval()(images)
    assert torch.allclose(seen, expected, atol=1e-6)
    assert not torch.allclose(seen, conv4(images), atol=1e-3)


def test_one_view_is_the_encoder_itself(generator):
    conv4 = encoder().eval()
    images = torch.rand(3, 1, 28, 28, generator=generator)
    assert torch.equal(Views(conv4, 1).eval()(images), conv4(images))


def test_in_training_it_is_the_encoder_itself(generator):
    images = torch.rand(6, 1, 28, 28, generator=generator)
    conv4, wrapped = encoder().train(), Views(encoder()).train()
    assert torch.equal(wrapped(images), conv4(images))
    assert all(torch.equal(a, b) for a, b in zip(wrapped.buffers(), conv4.buffers(), strict=True))


@pytest.mark.parametrize("frozen_views", [1, 5])
def test_in_training_a_frozen_encoder_has_views_of_its_own(frozen_views, generator):
    conv4 = encoder().eval().requires_grad_(False)
    images = torch.rand(3, 1, 28, 28, generator=generator)
    wrapped = Views(conv4, frozen_views=frozen_views)
    wrapped.training = True  # The encoder stays in eval mode, as a frozen one does.
    expected = Views(conv4, frozen_views).eval()(images)
    assert torch.equal(wrapped(images), expected)


def test_a_wrong_number_of_views_of_a_frozen_encoder_is_refused():
    with pytest.raises(ValueError, match="frozen_views is 3"):
        Views(encoder(), 5, 3)


def test_in_training_an_image_is_embedded_once():
    calls = []
    conv4 = encoder()
    conv4.register_forward_hook(lambda *_: calls.append(1))
    wrapped = Views(conv4)
    wrapped.train()(torch.rand(2, 1, 28, 28))
    assert len(calls) == 1
    wrapped.eval()(torch.rand(2, 1, 28, 28))
    assert len(calls) == 1 + 5


def test_weights_have_the_names_of_the_encoders():
    conv4 = encoder()
    wrapped = ProtoNet(Views(conv4))
    plain = ProtoNet(conv4)
    assert list(wrapped.state_dict()) == list(plain.state_dict())
    assert all(
        torch.equal(a, b) for a, b in zip(wrapped.state_dict().values(), plain.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("wrap", [lambda inner: inner, nn.Sequential], ids=["alone", "within another module"])
def test_weights_load_with_or_without_it(wrap):
    trained, fresh = encoder(), Conv4(channels=8, downsampling="pool")
    saved = wrap(trained).state_dict()
    kept = dict(saved)
    wrapped = wrap(Views(fresh))
    wrapped.load_state_dict(saved)
    assert dict(saved).keys() == kept.keys()  # What was given is not renamed.
    again = wrap(Conv4(channels=8, downsampling="pool"))
    again.load_state_dict(wrapped.state_dict())
    assert all(torch.equal(again.state_dict()[name], value) for name, value in kept.items())


def test_weights_of_another_network_are_refused():
    saved = {**encoder().state_dict(), "foreign": torch.zeros(1)}
    with pytest.raises(RuntimeError, match="foreign"):
        Views(encoder()).load_state_dict(saved)
    del saved["foreign"], saved["blocks.0.weight"]
    with pytest.raises(RuntimeError, match=r"blocks\.0\.weight"):
        Views(encoder()).load_state_dict(saved)


def test_it_adds_no_parameters_and_no_buffers():
    conv4 = encoder()
    assert [id(each) for each in Views(conv4).parameters()] == [id(each) for each in conv4.parameters()]
    assert [id(each) for each in Views(conv4).buffers()] == [id(each) for each in conv4.buffers()]


def test_a_copy_keeps_the_names_of_its_weights():
    assert list(copy.deepcopy(Views(encoder())).state_dict()) == list(encoder().state_dict())


def test_gradients_reach_the_encoder_through_every_view():
    images = torch.rand(2, 1, 28, 28, requires_grad=True)
    wrapped = Views(encoder()).eval()
    wrapped(images).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in wrapped.parameters())
    conv4 = wrapped.encoder
    (alone,) = torch.autograd.grad(conv4(images).sum(), images)
    assert not torch.allclose(images.grad, alone)


def test_adapt_and_predict_change_nothing(generator):
    learner = ProtoNet(Views(encoder())).eval()
    before = copy.deepcopy(learner.state_dict())
    x = torch.rand(2, 10, 1, 28, 28, generator=generator)
    y = torch.arange(5).repeat(2, 2)
    prediction = learner.predict(learner.adapt(x, y), x)
    assert prediction.logits.shape == (2, 10, 5)
    assert all(torch.equal(before[name], value) for name, value in learner.state_dict().items())


def test_training_costs_and_learns_as_without_it(generator):
    x = torch.rand(2, 10, 1, 28, 28, generator=generator)
    y = torch.arange(5).repeat(2, 2)
    tasks = Tasks(x, y, x, y)
    assert torch.equal(ProtoNet(Views(encoder())).train()(tasks), ProtoNet(encoder()).train()(tasks))


@pytest.mark.parametrize("views", [0, 2, 11])
def test_other_numbers_of_views_are_refused(views):
    with pytest.raises(ValueError, match="views is"):
        Views(encoder(), views)
