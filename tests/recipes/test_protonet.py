import torch

from quickstudy.recipes import build

RECIPE = "omniglot-protonet"


def test_the_encoder_averages_as_many_views_as_the_recipe_says() -> None:
    images = torch.rand(2, 1, 28, 28)
    features = []
    for views in (1, 5):
        torch.manual_seed(0)
        encoder = build(RECIPE, {"views": views}).learner.encoder.eval()
        assert encoder.views == views
        features.append(encoder(images))
    assert not torch.allclose(*features)


def test_weights_have_the_same_names_with_any_number_of_views() -> None:
    one, five = (build(RECIPE, {"views": views}).learner.state_dict() for views in (1, 5))
    assert list(one) == list(five)
    assert all(name.startswith("encoder.blocks.") for name in five)


def test_a_final_training_is_validated_at_its_end_alone_and_another_all_along() -> None:
    assert build(RECIPE, {"final": True, "steps": 2_000}).validate_every == 2_000
    assert build(RECIPE, {"final": False, "steps": 2_000}).validate_every == 500
    assert build(RECIPE, {"final": True, "steps": 0}).validate_every == 1
