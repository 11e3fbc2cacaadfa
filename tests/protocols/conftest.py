from pathlib import Path
from typing import Any

import pytest

from quickstudy.core import save_checkpoint
from quickstudy.protocols import Weights, open_weights
from quickstudy.recipes import build


@pytest.fixture
def trained(tmp_path: Path):
    """Weights of a recipe with these arguments as they start, and more of the header by name."""

    def run(recipe: str, arguments: dict[str, Any], **header: Any) -> Weights:
        learner = build(recipe, arguments).learner
        about = {"format": 2, "recipe": recipe, "arguments": arguments, "step": 0, **header}
        save_checkpoint(tmp_path / "run" / "best.safetensors", learner.state_dict(), about)
        return open_weights(tmp_path / "run")

    return run
