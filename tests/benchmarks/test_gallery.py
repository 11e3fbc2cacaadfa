"""Each picture is drawn, is small, and is on the page."""

import json
import re
from pathlib import Path

import pytest
import torch

import gallery
import gallery_cells
import gallery_curves
import gallery_reading
import gallery_style
import gallery_weights
import quickstudy
from quickstudy.evaluation.plots import empty_figure

DOCS = Path(__file__).parents[2] / "docs"
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def is_picture(path: Path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG") and 3_000 < path.stat().st_size < 60_000


def test_every_picture_is_stored_and_on_the_page_with_a_text() -> None:
    shown = dict(re.findall(r"!\[(.+?)\]\((.+?)\)", (DOCS / "gallery.md").read_text()))
    by_file = {file: text for text, file in shown.items()}
    for name in gallery.PICTURES:
        assert len(by_file[f"gallery/{name}.png"]) > 30
        assert is_picture(DOCS / "gallery" / f"{name}.png")
    assert {path.stem for path in (DOCS / "gallery").glob("*.png")} == set(gallery.PICTURES)


def test_a_run_takes_each_drawing_of_its_characters_once() -> None:
    images = torch.arange(6 * 3.0).view(6, 3, 1, 1, 1)
    x, y = gallery_style.in_random_order(images, runs=4, ways=2, shots=3)
    assert x.shape == (4, 6, 1, 1, 1)
    for run_x, run_y in zip(x.flatten(1), y, strict=True):
        assert len(run_x.unique()) == 6
        assert len({(int(label), int(value) // 3) for label, value in zip(run_y, run_x, strict=True)}) == 2


def test_files_are_small_and_have_the_size_of_the_figure(tmp_path: Path) -> None:
    figure = empty_figure(8, 4)
    gallery_style.heat(figure.add_subplot(), torch.randn(10, 20))
    gallery_style.save(figure, tmp_path / "new" / "heat.png")
    assert is_picture(tmp_path / "new" / "heat.png")


def test_vsml_and_its_messages_are_drawn(tmp_path: Path) -> None:
    gallery_cells.draw_vsml_messages(tmp_path / "a.png", examples=6)
    assert is_picture(tmp_path / "a.png")


def test_synapses_are_drawn(tmp_path: Path) -> None:
    gallery_cells.draw_blur_synapses(tmp_path / "a.png", updates=2)
    assert is_picture(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["self-reference", "delta-rule", "traces", "hopfield", "forgetting"])
def test_a_picture_that_takes_a_moment_is_drawn(name: str, tmp_path: Path) -> None:
    if name == "self-reference" and "omniglot-srwm" not in quickstudy.available():
        pytest.skip("The package has no such weights.")
    gallery.PICTURES[name](tmp_path / "a.png", RESULTS)
    assert is_picture(tmp_path / "a.png")


def test_rows_for_one_character_resemble_each_other_more_than_those_of_others(tmp_path: Path) -> None:
    rows = torch.tensor([[1.0, 2, 3, 0], [1, 2, 3, 1], [3, 0, -1, 2]])
    similar = gallery_weights.similarities(rows)
    assert similar[0, 1] > similar[0, 2]
    gallery_weights.draw_generated_weights(tmp_path / "a.png", drawings=2)
    assert is_picture(tmp_path / "a.png")


@torch.no_grad()
def test_attention_is_what_the_learners_read() -> None:
    images = gallery_style.characters(5, 2)
    support_x, support_y, query_x = images[:, 0][None], torch.arange(5)[None], images[:, 1][None]
    for name, found in (
        ("omniglot-snail", gallery_reading.attention_of_snail),
        ("omniglot-transformer", gallery_reading.attention_of_transformer),
    ):
        learner = quickstudy.load(name)
        state = learner.adapt(support_x, support_y)
        before = learner.predict(state, query_x).probs
        weights = found(learner, state, query_x)  # type: ignore[operator]
        assert all(each.shape == (5, 5) for each in weights)
        # A query of SNAIL also reads itself.
        assert all((each.sum(dim=1) <= 1 + 1e-5).all() for each in weights)
        assert torch.equal(learner.predict(state, query_x).probs, before)
    assert torch.allclose(weights[0].sum(dim=1), torch.ones(5))


def test_the_memory_is_drawn(tmp_path: Path) -> None:
    gallery_reading.draw_memory(tmp_path / "a.png", shots=2)
    assert is_picture(tmp_path / "a.png")


def test_curves_are_drawn_and_their_figures_are_stored(tmp_path: Path) -> None:
    gallery_curves.draw_learning_curves(tmp_path / "a.png", tmp_path, runs=2, shots=3)
    assert is_picture(tmp_path / "a.png")
    stored = json.loads((tmp_path / "learning_curves.json").read_text(), parse_constant=pytest.fail)
    assert {"VSML", "SGD, tuned", "Adam, tuned"} == set(stored["records"][0]["learners"])
    assert all(set(parts) == {"all", "6 to 15", "last 10"} for parts in stored["records"][1]["learners"].values())


def test_a_name_that_is_no_picture_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gallery.main(["nothing"], gallery.Options(out=tmp_path)) == 2
    assert "learning-curves" in capsys.readouterr().err
