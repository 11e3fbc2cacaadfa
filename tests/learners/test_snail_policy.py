import torch

from quickstudy.learners import SNAILPolicy


def test_the_network_has_the_papers_widths() -> None:
    learner = SNAILPolicy(5, (1,), num_steps=10)
    widths = [block.out_channels for block in learner.policy.block.blocks]
    assert widths == [32, 160, 288, 320]
    assert [block.out_channels for block in learner.value.block.blocks] == [16, 80, 144, 160]
    assert learner.policy.head.out_features == 5


def test_the_first_layer_remembers_nothing_and_cuts_below_zero(generator: torch.Generator) -> None:
    layer = SNAILPolicy(2, (1,), num_steps=3, filters=4).policy.block.blocks[0]
    x = torch.randn(2, 3, 5, generator=generator)
    assert layer.empty(2).numel() == 0
    assert (layer(x) >= 0).all()
    assert torch.equal(layer(x), layer.query(layer.empty(2), x))


def test_who_only_imitates_needs_no_value_network() -> None:
    assert SNAILPolicy(2, (1,), num_steps=3, filters=4, has_value=False).value is None
