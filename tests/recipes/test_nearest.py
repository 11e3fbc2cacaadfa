import pytest
import torch

from quickstudy.recipes import build


@pytest.mark.parametrize("data", ["omniglot", "glyphs"])
def test_each_part_has_drawings_of_its_own(data: str, few_characters) -> None:
    experiment = build(f"{data}-nearest", {})
    assert (experiment.data, experiment.optimisation.steps) == (data, 0)
    seen = []
    for source in (experiment.train, experiment.validation, *experiment.test.values()):
        tasks = source(None).sample(4, torch.Generator().manual_seed(0))
        read = few_characters.read(tasks.support_x.flatten(0, 1)[:, 0])
        seen.append({(drawing.kind, drawing.character) for drawing in read})
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]
