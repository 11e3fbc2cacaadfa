"""Who may import whom, how large a file may be, and what may not be depended on."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import quickstudy
from quickstudy.recipes import RECIPES

SOURCE = Path(quickstudy.__file__).parent
ROOT = Path(__file__).parent.parent

ALLOWED = {
    "core": set(),
    "networks": {"core"},
    "datasets": set(),
    "evaluation": {"core"},
    "tasks": {"core"},
    "testing": {"core"},
    "baselines": {"core"},
    "worlds": {"core", "tasks"},
    "experiments": {"core", "networks"},
    "learners": {"core", "networks"},
    "training": {"core", "evaluation"},
    "sources": {"core", "datasets", "tasks"},
    "recipes": {"core", "networks", "learners", "datasets", "tasks", "sources", "baselines"},
    "pretrained": {"core", "recipes"},
    "export": {"core"},
    "reproduction": {"core", "recipes", "pretrained", "training"},
    "cards": {"core", "pretrained", "protocols", "recipes", "reproduction"},
    "protocols": {"core", "tasks", "baselines", "datasets", "sources", "evaluation", "recipes", "pretrained"},
    "estimators": {"core", "datasets", "evaluation", "networks", "recipes", "pretrained", "tasks"},
}
EVERYTHING = {*ALLOWED, "cli"}


def _imports(path: Path) -> set[str]:
    """The modules a file imports, as dotted names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def _layers_imported(path: Path) -> set[str]:
    parts = [name.split(".") for name in _imports(path)]
    return {name[1] for name in parts if name[0] == "quickstudy" and len(name) > 1} & EVERYTHING


def test_every_folder_is_a_layer() -> None:
    folders = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert folders == EVERYTHING


@pytest.mark.parametrize("layer", ALLOWED)
def test_a_layer_imports_only_what_lies_below(layer: str) -> None:
    for path in (SOURCE / layer).rglob("*.py"):
        assert _layers_imported(path) <= ALLOWED[layer] | {layer}, path.name


def test_no_learner_imports_another() -> None:
    for path in (SOURCE / "learners").glob("*.py"):
        if path.stem != "__init__":
            # A private module is no learner, but what learners of one paper share.
            others = [name for name in _imports(path) if name.startswith("quickstudy.learners.")]
            assert [name for name in others if not name.startswith("quickstudy.learners._")] == [], path.name


def test_only_training_and_the_command_line_need_fabric() -> None:
    users = {
        path.relative_to(SOURCE).parts[0] for path in SOURCE.rglob("*.py") if "lightning_fabric" in path.read_text()
    }
    assert users == {"training", "cli"}


def test_the_library_runs_where_the_command_lines_libraries_are_missing() -> None:
    hidden = "lightning_fabric", "tyro", "rich", "matplotlib", "tensorboard", "gymnasium", "sklearn"
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({hidden!r}))\n"
        "import quickstudy, quickstudy.testing, quickstudy.evaluation, quickstudy.tasks, quickstudy.datasets\n"
        "import quickstudy.estimators.adapted\n"
        "quickstudy.load('omniglot-nearest')"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_importing_the_package_does_not_wait_for_torch() -> None:
    program = "import sys, quickstudy, quickstudy.cli; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_no_file_is_longer_than_can_be_read_in_one_sitting() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in SOURCE.rglob("*.py")}
    assert {name: length for name, length in lengths.items() if length > 300} == {}


# What has no test file of its own, and where its tests are.
TESTED_ELSEWHERE = {
    "__main__.py": "tests/cli/test_train.py",
    "core/checks.py": "tests/core/test_tasks.py",
}


def _is_table_of_recipes(path: Path) -> bool:
    """Whether a module's functions are recipes and nothing else: all of them are held to one contract."""
    functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    return path.parent.name == "recipes" and all(node.name.replace("_", "-") in RECIPES for node in functions)


def test_every_module_that_decides_anything_has_its_test_file() -> None:
    missing = []
    for path in sorted(SOURCE.rglob("*.py")):
        module = path.relative_to(SOURCE)
        decides = any(isinstance(node, ast.FunctionDef) for node in ast.walk(ast.parse(path.read_text())))
        if path.stem == "__init__" or not decides or _is_table_of_recipes(path):
            continue
        own = ROOT / "tests" / module.parent / f"test_{module.stem.removeprefix('_')}.py"
        elsewhere = TESTED_ELSEWHERE.get(str(module))
        if not own.exists() and (elsewhere is None or not (ROOT / elsewhere).exists()):
            missing.append(str(module))
    assert missing == []


# What learners share for sequences of labels is built of what networks have for them.
SAME_ON_PURPOSE = {"__init__", "_label_sequences"}


def test_no_two_modules_differ_only_by_their_folder() -> None:
    found: dict[str, list[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        # Recipes are called like the learners and the tasks that they set up.
        if path.stem not in SAME_ON_PURPOSE and path.parent.name != "recipes":
            found.setdefault(path.stem.strip("_"), []).append(str(path.relative_to(SOURCE)))
    assert {stem: paths for stem, paths in found.items() if len(paths) > 1} == {}


def test_torchvision_is_not_depended_on() -> None:
    assert "torchvision" not in (ROOT / "pyproject.toml").read_text()
    assert not [path for path in SOURCE.rglob("*.py") if "torchvision" in path.read_text()]
