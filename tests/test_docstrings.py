"""Docstrings explain every argument and every field, so that the reference pages are complete, in the field's words."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

import quickstudy

SOURCE = Path(quickstudy.__file__).parent
ROOT = Path(__file__).parent.parent
PACKAGES = sorted(path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists() and path.name != "cli")
PRIVATE = re.compile(
    r"\b(alike|asked|bent|dealt|dear|dearer|dearest|lest|naught|rightly|tells|told)\b|\bas it was\b", re.IGNORECASE
)
"""Words that the documentation does not use, because a reader who is not a native speaker may stop at them."""


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def modules(package: str) -> list[Path]:
    """The public modules of a package."""
    found = [path for path in sorted((SOURCE / package).rglob("*.py")) if path.name != "__main__.py"]
    return [path for path in found if not any(part.startswith("_") for part in path.relative_to(SOURCE).parts[:-1])]


def is_public(path: Path, name: str) -> bool:
    return not (name.startswith("_") or (path.stem.startswith("_") and path.stem != "__init__"))


def names_of(nodes: list[ast.expr]) -> list[str]:
    """Names without their packages and parameters, such as of base classes and decorators."""
    return [re.split(r"[\[(]", ast.unparse(node))[0].rpartition(".")[2] for node in nodes]


@cache
def classes() -> dict[str, ast.ClassDef]:
    trees = [tree_of(path) for path in SOURCE.rglob("*.py")]
    return {node.name: node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}


def arguments_text(node: ast.FunctionDef | ast.ClassDef) -> str:
    """What a docstring has below `Args:`."""
    return (ast.get_docstring(node) or "").partition("Args:\n")[2]


def inherited_text(owner: ast.ClassDef, method: str) -> str:
    """What the classes below explain of a method: one that replaces theirs has the same arguments."""
    found = ""
    for name in names_of(owner.bases):
        base = classes().get(name)
        if base is not None:
            own = [node for node in base.body if isinstance(node, ast.FunctionDef) and node.name == method]
            found += "\n".join(map(arguments_text, own)) + "\n" + inherited_text(base, method)
    return found


def unexplained(function: ast.FunctionDef, text: str) -> list[str]:
    """The arguments that a text does not explain."""
    every = function.args
    named = [*every.posonlyargs, *every.args, *every.kwonlyargs, *filter(None, (every.vararg, every.kwarg))]
    names = [each.arg for each in named if each.arg not in ("self", "cls") and not each.arg.startswith("_")]
    return [name for name in names if not re.search(rf"^\s*{name}:", text, flags=re.MULTILINE)]


def public_functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef, str]]:
    """Public functions and methods, and constructors: a name, the function, and the text on its arguments."""
    for node in tree_of(path).body:
        if isinstance(node, ast.FunctionDef) and is_public(path, node.name):
            yield node.name, node, arguments_text(node)
        if not isinstance(node, ast.ClassDef) or not is_public(path, node.name):
            continue
        for method in (each for each in node.body if isinstance(each, ast.FunctionDef)):
            if "overload" in names_of(method.decorator_list):
                continue
            text = arguments_text(method) + "\n" + inherited_text(node, method.name)
            if method.name == "__init__":
                yield f"{node.name}()", method, arguments_text(node) + "\n" + text
            elif not method.name.startswith("_"):
                yield f"{node.name}.{method.name}", method, text


def fields_without_text(node: ast.ClassDef) -> list[str]:
    """The fields of a NamedTuple or a dataclass that are explained neither below themselves nor below `Args:`."""
    if not ("NamedTuple" in names_of(node.bases) or "dataclass" in names_of(node.decorator_list)):
        return []
    missing = []
    for statement, following in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        name = statement.target.id
        has_text = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
        if not name.startswith("_") and not has_text and f"\n{name}:" not in "\n" + _dedented(arguments_text(node)):
            missing.append(name)
    return missing


def _dedented(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines())


@pytest.mark.parametrize("package", PACKAGES)
def test_each_argument_is_explained(package: str) -> None:
    missing = {
        f"{path.relative_to(SOURCE)} {name}": names
        for path in modules(package)
        for name, function, text in public_functions(path)
        if (names := unexplained(function, text))
    }
    assert missing == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_each_field_is_explained(package: str) -> None:
    missing = {
        f"{path.relative_to(SOURCE)} {node.name}": names
        for path in modules(package)
        for node in tree_of(path).body
        if isinstance(node, ast.ClassDef) and is_public(path, node.name) and (names := fields_without_text(node))
    }
    assert missing == {}


def test_what_is_not_explained_is_found() -> None:
    source = '''
class Points(NamedTuple):
    """Points.

    Args:
        above: Explained here.
    """

    above: int
    below: int
    """Explained here."""
    lacking: int


def move(points, *, by, back):
    """Move points by: some way.

    Args:
        points: The points.
        by: How far; see back: it is the opposite.
    """
'''
    points, move = ast.parse(source).body
    assert isinstance(points, ast.ClassDef)
    assert isinstance(move, ast.FunctionDef)
    assert fields_without_text(points) == ["lacking"]
    assert unexplained(move, arguments_text(move)) == ["back"]


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """Docstrings, comments and messages of a module, with their lines."""
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)):
            yield token.start[0], token.string


OPTIONS = [
    "core/optimisation.py",
    "core/practice.py",
    "protocols/few_shot.py",
    *(f"{folder}/*.py" for folder in ("cli", "recipes", "sources")),
]


def test_the_text_of_an_option_is_one_line() -> None:
    """The help of a command would keep its line breaks."""
    found = [
        f"{path.relative_to(SOURCE)}:{text.lineno}"
        for pattern in OPTIONS
        for path in sorted(SOURCE.glob(pattern))
        for node in tree_of(path).body
        if isinstance(node, ast.ClassDef) and "dataclass" in names_of(node.decorator_list)
        for field, text in pairwise(node.body)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and text.lineno != text.end_lineno
    ]
    assert found == []


def broken_lines(source: str) -> list[int]:
    """The lines of docstrings that end early in the middle of a paragraph: the next word would leave forty columns."""
    lines, found = source.splitlines(), []
    for node in ast.walk(ast.parse(source)):
        if not (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        ):
            continue
        for number in range(node.lineno, node.end_lineno or 0):
            line, following = lines[number - 1], lines[number]
            word = following.replace('"""', "").split(maxsplit=1)[:1]
            is_table = "  " in line.strip() or "  " in following.strip()
            starts_anew = re.match(r"- |\w+: ", following.strip()) or line.endswith(":")
            if line.strip() and word and not is_table and not starts_anew and len(line) + 1 + len(word[0]) <= 80:
                found.append(number)
    return found


def test_no_line_of_a_docstring_ends_in_the_middle_of_a_paragraph() -> None:
    found = {str(path.relative_to(SOURCE)): broken_lines(path.read_text()) for path in sorted(SOURCE.rglob("*.py"))}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_a_line_that_ends_early_is_found() -> None:
    source = '''
"""What a module does.

A paragraph whose second line
ends early, and one

- with an entry
- and another.
"""
'''
    assert broken_lines(source) == [4]


def test_source_uses_the_words_of_the_field() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{line}: {word.group()}"
        for path in sorted(SOURCE.rglob("*.py"))
        for line, text in texts_of(path)
        # A string in one word is a name, such as that of an option in old files.
        if " " in text.strip()
        for word in PRIVATE.finditer(text)
    ]
    assert found == []


def test_documents_use_the_words_of_the_field() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for document in documents:
        text = re.sub(r"`[^`\n]*`", "", document.read_text())  # Names of options and files may be any.
        assert [word.group() for word in PRIVATE.finditer(text)] == [], document.name
