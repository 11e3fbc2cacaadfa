"""What the README and the pages say works."""

import json
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch
from PIL import Image

import quickstudy.baselines
import quickstudy.core
import quickstudy.datasets
import quickstudy.evaluation
import quickstudy.learners
import quickstudy.protocols
import quickstudy.sources
import quickstudy.tasks
import quickstudy.testing
import quickstudy.worlds
from quickstudy.cli import main

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text()
CLI = (DOCS / "cli.md").read_text()
PAGES = sorted(DOCS.glob("**/*.md"))
TRAINED = ("maml", "metanet", "reptile", "snail")
"""Pages that say how the shipped weights were trained, by whole commands."""


def _blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)


def _commands(*blocks: str) -> list[list[str]]:
    lines = [line.split("#")[0].strip() for block in blocks for line in block.replace("\\\n", "").splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("quickstudy ")]


def test_the_readme_is_short() -> None:
    assert len(README.encode()) <= 9000


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_fifteen_lines_run(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for block in _blocks("python", (ROOT / page).read_text()):
        exec(block, names)
    accuracy = float(capsys.readouterr().out.split("%")[0])
    assert accuracy > 60


def test_the_examples_of_the_page_on_inputs_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # They write a file.
    names: dict[str, object] = {"__name__": "examples"}
    for block in _blocks("python", (DOCS / "inputs.md").read_text()):
        exec(block, names)
    x, y = torch.eye(3)[None], torch.arange(3)[None]
    learner = names["MyLearner"]()
    padded = learner.adapt(torch.cat([x, x + 1], dim=1), torch.cat([y, y], dim=1), torch.arange(6)[None] < 3)
    assert learner.predict(padded, x).probs.argmax(dim=-1).tolist() == y.tolist()


def test_the_example_of_the_page_on_images_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = _blocks("python", (DOCS / "images.md").read_text())
    image = Image.new("L", (60, 60), "white")
    image.paste(0, (20, 20, 40, 40))
    image.save("drawing.png")
    exec(block, {})
    assert capsys.readouterr().out.startswith("tensor([[[")


def test_the_examples_of_the_page_on_own_data_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    draw = runpy.run_path(str(ROOT / "examples" / "own_images.py"))["draw_images"]
    folder, new = draw(tmp_path)
    folder.rename("my_drawings")
    Path("new").mkdir()
    for path in new:
        path.rename(Path("new") / path.name)
    Path("curve.csv").write_text("x,y\n0,0\n1,1\n2,2\n3,3\n")
    Path("places.csv").write_text("x\n1.5\n")
    names: dict[str, object] = {}
    for block in _blocks("python", (DOCS / "own_data.md").read_text()):
        exec(block, names)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0].removesuffix(".png").split("-")[1] for line in lines[:5]] == [
        line.split()[1] for line in lines[:5]
    ]
    assert int(lines[6].rstrip("%")) > 85, "five drawings of each digit"
    low, high = names["low"], names["high"]
    assert low < names["mean"] < high


@pytest.mark.parametrize("page", sorted((DOCS / "learners").glob("[!i]*.md")), ids=lambda page: page.stem)
def test_the_five_lines_of_a_learners_page_run(page: Path) -> None:
    (block,) = _blocks("python", page.read_text())
    assert len(block.splitlines()) <= 9
    torch.manual_seed(0)
    names: dict[str, object] = {}
    exec(block, names)
    assert isinstance(names["prediction"], torch.distributions.Distribution)


def test_the_commands_that_are_to_be_copied_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    drawn, _ = runpy.run_path(str(ROOT / "examples" / "own_images.py"))["draw_images"](tmp_path)
    drawn.rename("my_drawings")
    (block,) = re.findall(r"<!-- run -->\n```sh\n(.*?)```", CLI, flags=re.DOTALL)
    for command in _commands(block):
        assert main(command) == 0, " ".join(command)
        printed = capsys.readouterr().out
        if "--json" in command:
            described = set(re.findall(r"`(\w+)`", CLI.partition("## JSON")[2].partition("## Exit codes")[0]))
            assert set(json.loads(printed)) <= described
    assert list(Path("pictures").glob("*.png"))
    (files,) = re.findall(r"### The folder of a run\n(.*?)###", CLI, flags=re.DOTALL)
    for path in Path("runs/first").iterdir():
        assert f"`{path.name}`" in files or path.suffix == ".png"


def _shown() -> list[list[str]]:
    pages = [README, CLI, *((DOCS / "learners" / f"{stem}.md").read_text() for stem in TRAINED)]
    return _commands(*(block for page in pages for block in _blocks("sh", page)))


@pytest.mark.parametrize("command", _shown(), ids=" ".join)
def test_the_commands_options_exist(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--help"] if len(command) > 1 or command == ["list"] else command)
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in command if word.startswith("--"))


def test_every_option_of_the_page_on_the_command_line_exists(capsys: pytest.CaptureFixture[str]) -> None:
    recipes = ("omniglot-snail", "omniglot-protonet", "folder-completion-conv-cnp")
    for command in (
        ["list"],
        ["predict"],
        ["adapt"],
        ["evaluate"],
        ["reproduce"],
        *(["train", recipe] for recipe in recipes),
    ):
        with pytest.raises(SystemExit):
            main([*command, "--help"])
    known = set(re.findall(r"--[a-z][\w-]+", capsys.readouterr().out))
    assert set(re.findall(r"--[a-z][\w-]+", CLI)) <= known


def test_the_example_of_the_page_on_acting_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = _blocks("python", (DOCS / "acting.md").read_text())
    exec(block, {})
    assert capsys.readouterr().out.endswith("rewards in 10 pulls\n")


def test_every_path_the_documents_link_to_exists() -> None:
    for document in [*ROOT.glob("*.md"), *PAGES]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_every_file_of_the_project_that_the_documents_name_exists() -> None:
    for document in [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *PAGES]:
        for path in re.findall(r"`((?:src|benchmarks|tools|tests|examples|docs)/[\w/.]+)`", document.read_text()):
            assert (ROOT / path).exists() or "NAME" in path, f"{document.name} names {path}"


def test_pages_link_to_the_site_only() -> None:
    """A link to a file beside docs/ works in a checkout and is dead on the site."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).resolve().is_relative_to(DOCS), f"{page.name} links to {target}"


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text().partition("\nnav:")[2].partition("\ntheme:")[0]
    listed = re.findall(r"([\w/]+\.md)$", navigation, flags=re.MULTILINE)
    assert sorted(listed) == sorted(str(page.relative_to(DOCS)) for page in PAGES)


def test_the_site_loads_nothing_from_outside() -> None:
    settings = (ROOT / "mkdocs.yml").read_text()
    assert "font: false" in settings
    assert "http" not in settings


@pytest.mark.parametrize(
    "package",
    ["baselines", "core", "datasets", "evaluation", "learners", "protocols", "sources", "tasks", "testing", "worlds"],
)
def test_every_package_of_the_public_interface_has_a_reference_page(package: str) -> None:
    assert f"::: quickstudy.{package}" in (DOCS / "api" / f"{package}.md").read_text()
    assert getattr(quickstudy, package).__all__


def test_the_example_of_the_page_on_protocols_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = _blocks("python", (DOCS / "api" / "protocols.md").read_text())
    exec(block, {})
    assert capsys.readouterr().out.startswith("glyphs-nearest on glyphs, test classes")


def test_the_version_is_the_newest_of_the_changelog() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.findall(r"^## \[(\d.*?)\]", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[0]
    assert version == newest


def test_the_tables_are_those_of_the_stored_results() -> None:
    command = [sys.executable, "benchmarks/report/tables.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
