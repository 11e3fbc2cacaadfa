import json

import pytest
import torch

import completion
from completion_tables import completion_section
from quickstudy.core import Tasks


def test_the_mean_of_the_nearest_is_of_the_pixels_closest_to_what_is_asked():
    places = torch.tensor([[[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
    values = torch.tensor([[[0.1], [0.5], [0.9]]])
    asked = torch.tensor([[[0.1, 0.1], [0.8, 1.0]]])
    tasks = Tasks(places, values, asked, torch.zeros(1, 2, 1))
    assert torch.allclose(completion.nearest_mean(tasks, 1)[0, :, 0], torch.tensor([0.1, 0.9]))
    assert torch.allclose(completion.nearest_mean(tasks, 2)[0, :, 0], torch.tensor([0.3, 0.7]))


def test_the_mean_image_is_read_at_each_pixels_own_place():
    seen = (torch.arange(784).view(28, 28) // 4).to(torch.uint8).expand(3, 28, 28)
    places = (torch.tensor([[[0.0, 0.0], [2.0, 5.0], [27.0, 27.0]]]) + 0.5) / 28
    guess = completion.baselines(seen)["mean image"](Tasks(places, places, places, places))
    assert torch.allclose(255 * guess[0, :, 0], torch.tensor([0.0, 61 // 4, 783 // 4]))


@pytest.mark.usefixtures("made_up_omniglot")
def test_learners_and_what_needs_no_learning_are_asked_for_the_same_and_stored(tmp_path, monkeypatch):
    monkeypatch.setattr(completion, "SHIPPED", ("omniglot-completion-conv-cnp",))
    picture = tmp_path / "completion.png"
    options = completion.Options(
        out=tmp_path / "completion.json", images=2, next_images=2, next_pixels=10, picture=picture
    )
    assert completion.main([], options) == 0
    record = json.loads(options.out.read_text())
    assert record["settings"].keys() == {
        "mean image",
        "nearest pixel given",
        "mean of the 5 nearest",
        "omniglot-completion-conv-cnp",
    }
    assert len(record["next_pixel"]["omniglot-completion-conv-cnp"]["random"]) == 11
    assert picture.exists()
    assert (tmp_path / "next-pixel.png").exists()
    section = completion_section(record, "conv_cnp")
    assert "| 10 random pixels |" in section
    assert "| `omniglot-completion-conv-cnp` | largest variance |" in section
    assert completion_section(record, "cnp") == completion_section(None) == ""
