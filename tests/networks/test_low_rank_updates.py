import torch

from quickstudy.networks.low_rank_updates import LowRankUpdate, UpdatedLinear, WatchedLinear


def drawn(generator, *shape):
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def stepped(generator) -> UpdatedLinear:
    return UpdatedLinear(drawn(generator, 7, 4), LowRankUpdate(drawn(generator, 3, 5, 7), drawn(generator, 3, 5, 4)))


def multiplied_out(layer: UpdatedLinear) -> torch.Tensor:
    """The matrix (T, D, N) of each task."""
    return layer.weight + torch.einsum("trd,trn->tdn", *layer.steps)


def test_it_writes_what_the_matrix_of_each_task_would(generator):
    layer, z_TED = stepped(generator), drawn(generator, 3, 6, 7)
    assert torch.allclose(layer(z_TED), z_TED @ multiplied_out(layer), atol=1e-12)


def test_without_a_step_it_is_the_weights_that_all_tasks_share(generator):
    weight_DN, z_TED = drawn(generator, 7, 4), drawn(generator, 3, 6, 7)
    layer = UpdatedLinear.unchanged(weight_DN, 3)
    assert layer.steps.read.shape == (3, 0, 7)
    assert torch.equal(layer(z_TED), z_TED @ weight_DN)


def test_a_step_is_one_of_gradient_descent_on_the_matrix(generator):
    layer, z_TED, target_TEN = stepped(generator), drawn(generator, 3, 6, 7), drawn(generator, 3, 6, 4)
    matrix_TDN = multiplied_out(layer).requires_grad_()
    (gradient_TDN,) = torch.autograd.grad((z_TED @ matrix_TDN - target_TEN).square().sum(), matrix_TDN)
    watched = WatchedLinear(layer, is_constant=True)
    loss = (watched(z_TED) - target_TEN).square().sum()
    (upstream_TEN,) = torch.autograd.grad(loss, watched.written)
    after = watched.stepped(-0.1 * upstream_TEN)
    assert after.steps.read.shape == (3, 11, 7)
    assert torch.allclose(multiplied_out(after), matrix_TDN - 0.1 * gradient_TDN, atol=1e-12)


def test_a_constant_step_has_no_history_and_another_has(generator):
    weight_DN, z_TED = drawn(generator, 7, 4).requires_grad_(), drawn(generator, 3, 6, 7).requires_grad_()
    for is_constant in (True, False):
        watched = WatchedLinear(UpdatedLinear.unchanged(weight_DN, 3), is_constant=is_constant)
        assert watched(z_TED).requires_grad
        after = watched.stepped(torch.ones(3, 6, 4, dtype=torch.float64))
        assert after.steps.read.requires_grad == (not is_constant)
        assert after.weight is weight_DN
        assert after.requires_grad
