"""The tables say what was measured."""

import json
from pathlib import Path
from typing import Any

import pytest

import learner_table
import table_layout
import tables
from quickstudy import learners

BENCHMARKS = Path(tables.__file__).parents[1]


def accuracy(
    counts: tuple[int, int],
    mean: float | None,
    split: str = "vinyals",
    *,
    within_alphabet: bool = False,
    shuffled_labels: bool = False,
) -> dict[str, Any]:
    result = {"accuracy": {"mean": mean, "interval95": 0.0011}, "tasks": 1000, "queries": 15}
    return {
        "weights": "omniglot-protonet",
        "recipe": "omniglot-protonet",
        "trained_on": "omniglot lake",
        "data": "omniglot",
        "split": split,
        "ways": counts[0],
        "shots": counts[1],
        "within_alphabet": within_alphabet,
        "shuffled_labels": shuffled_labels,
        "result": None if mean is None else result,
        "refusal": "No." if mean is None else None,
    }


def cache_setting() -> dict[str, Any]:
    """Cached 1,200 answers a second beside naive 40, and 300 trained on beside 12.5."""
    way = "naive, one at a time"
    activities = {
        activity: {
            "queries_per_second": {"cached": [ours + 1, ours, ours - 1], way: [theirs] * 3},
            "ratio": {way: {"minimum": 20.0, "median": ours / theirs, "maximum": 40.0}},
        }
        for activity, ours, theirs in (("answering", 1200.0, 40.0), ("training", 300.0, 12.5))
    }
    return {"ways": 5, "shots": 1, "queries": 75, "images_ratio": {way: 5.625}, **activities}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with made-up results and nothing yet between the marks."""
    results = tmp_path / "benchmarks" / "results"
    results.mkdir(parents=True)
    records = [
        accuracy((5, 1), 0.98514),
        accuracy((20, 5), None),
        accuracy((5, 1), 0.97, "lake"),
        accuracy((20, 1), 0.9, "lake", within_alphabet=True),
        accuracy((5, 1), 0.2, "lake", shuffled_labels=True),
    ]
    (results / "accuracy-omniglot-protonet.json").write_text(json.dumps(records))
    (results.parent / "published.json").write_text((BENCHMARKS / "published.json").read_text(encoding="utf-8"))
    provenance = {"machine": "Linux x86_64", "threads": 1, "accelerator": "none", "torch": "2.13.0"}
    setting = {"ways": 5, "shots": 1, "tasks_per_batch": 16}
    setting |= {"tasks_per_second": {"ours": [2200.0, 2000.0, 1800.0], "usual way": [100.0, 90.0, 80.0]}}
    setting |= {"ratio": {"minimum": 20.0, "median": 22.0, "maximum": 24.0}}
    (results / "sampler.json").write_text(json.dumps({"settings": [setting], "provenance": provenance}))
    cache = {"settings": [cache_setting()], "provenance": {**provenance, "threads": 2}}
    (results / "snail_cache.json").write_text(json.dumps(cache))
    docs = tmp_path / "docs"
    pages = ("results.md", "learners/protonet.md", "learners/snail.md")
    for page in (tmp_path / "README.md", *(docs / name for name in pages)):
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(f"before\n{tables.START}\n{tables.END}\nafter\n")
    (tmp_path / "docs" / "learners" / "cnp.md").write_text("no marks here\n")
    return tmp_path


def test_the_tables_hold_our_figures_and_the_papers(project: Path) -> None:
    assert tables.main(tables.Options(root=project)) == 0
    text = (project / "docs" / "results.md").read_text()
    vinyals, lake, controls = (line for line in text.splitlines() if line.startswith("| `omniglot-protonet`"))
    assert "| omniglot lake | omniglot vinyals | in four rotations | 98.51 ± 0.11 (98.8) |" in vinyals
    assert vinyals.endswith(" |  |  | – (98.9) |")
    assert lake.endswith("| omniglot lake | omniglot lake |  | 97.00 ± 0.11 |  |  |  |")
    assert controls.endswith("| 90.00 ± 0.11 | 20.00 ± 0.11 |")
    assert "| 2,000 tasks/s | usual way | 90 tasks/s | 22.0 × (20.0 to 24.0) |" in text
    assert "Linux x86_64, 1 thread, no accelerator" in text
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")


def figures(recipe: str, counts: tuple[int, int], mean: float | None, **way: bool) -> dict[str, Any]:
    return {**accuracy(counts, mean), "weights": recipe, "recipe": recipe, **way}


def rows_of(results: Path, name: str, records: list[dict[str, Any]]) -> list[str]:
    (results / "benchmarks" / "results" / f"accuracy-{name}.json").write_text(json.dumps(records))
    assert tables.main(tables.Options(root=results)) == 0
    lines = (results / "docs" / "results.md").read_text().splitlines()
    return [line for line in lines if line.startswith(f"| `{name}`")]


def test_the_papers_figure_is_in_the_row_with_the_papers_test_classes(project: Path) -> None:
    upright, rotated = accuracy((20, 1), 0.951), {**accuracy((20, 1), 0.964), "rotated": True, "queries": 15}
    of_upright, of_rotated = rows_of(project, "omniglot-protonet", [upright, rotated])
    assert of_upright.endswith("| omniglot lake | omniglot vinyals |  |  |  | 95.10 ± 0.11 |  |")
    assert "| omniglot vinyals, in four rotations | in four rotations |" in of_rotated
    assert of_rotated.endswith("| 96.40 ± 0.11 (96.0) |  |")


def test_a_paper_that_tests_upright_or_does_not_say_has_its_figure_in_the_upright_row(project: Path) -> None:
    for name, words in (("omniglot-snail", "not known"), ("omniglot-reptile", "upright")):
        rotated = {**figures(name, (5, 1), 0.98, transductive=False), "rotated": True}
        of_upright, of_rotated = rows_of(project, name, [figures(name, (5, 1), 0.97, transductive=False), rotated])
        assert f"| omniglot vinyals | {words} | 97.00 ± 0.11 (" in of_upright
        assert of_rotated.endswith("| omniglot vinyals, in four rotations |  | 98.00 ± 0.11 |  |  |  |")


def test_the_row_with_the_papers_number_of_queries_has_its_figure(project: Path) -> None:
    base = figures("omniglot-maml", (5, 1), 0.98, transductive=True)
    own = {**figures("omniglot-maml", (5, 1), 0.991, transductive=True), "queries": 1}
    rows = rows_of(project, "omniglot-maml", [base, {**base, "rotated": True}, {**own, "rotated": True}])
    assert ["(98.7)" in row for row in rows] == [False, False, True]
    assert "omniglot vinyals, in four rotations, the paper's number of queries" in rows[2]


def test_the_caption_says_which_weights_were_trained_at_other_shots(project: Path) -> None:
    rows_of(project, "omniglot-protonet", [accuracy((5, 1), 0.98), accuracy((5, 5), 0.99)])
    page = project / "docs" / "results.md"
    said = (
        "Trained on tasks of 1 shot only, so the figures at other shots are of weights that were not trained for them"
    )
    assert f"{said}: `omniglot-protonet`." in page.read_text()
    for shots in (5, [1, 5]):
        rows_of(project, "omniglot-protonet", [{**accuracy((5, 5), 0.99), "trained_shots": shots}])
        assert said not in page.read_text()


def uneven(recipe: str, by_shots: dict[str, float] | None, shots: tuple[int, ...] = (15, 1, 1, 1, 1)) -> dict[str, Any]:
    record = {**figures(recipe, (5, 1), None if by_shots is None else 0.9), "shots": list(shots)}
    if by_shots is not None:
        of_each = {count: {"mean": mean, "interval95": 0.0022} for count, mean in by_shots.items()}
        record["result"] = {**record["result"], "queries": 5, "accuracy_by_shots": of_each}
    return record


def test_uneven_shots_have_a_table_of_their_own_by_how_many_a_class_has(project: Path) -> None:
    records = [accuracy((5, 1), 0.98514), uneven("omniglot-protonet", {"1": 0.98, "15": 0.995})]
    even, by_shots = rows_of(project, "omniglot-protonet", records)
    assert even.endswith("| 98.51 ± 0.11 (98.8) |  |  |  |")
    assert by_shots.endswith("| omniglot lake | omniglot vinyals | 98.00 ± 0.22 | 99.50 ± 0.22 |")
    readme = (project / "docs" / "results.md").read_text()
    assert "Classes with unequal numbers of examples, 15+1+1+1+1 in a task" in readme
    assert "| learner | trained on | test classes | classes of 1 shot | classes of 15 shots |" in readme
    assert "mean over 1,000 tasks, 15 queries a class" in readme


def test_numbers_of_shots_that_a_learner_was_not_asked_at_are_left_empty(project: Path) -> None:
    learners = {
        "omniglot-protonet": uneven("omniglot-protonet", {"1": 0.98, "15": 0.995}),
        "omniglot-cnp": uneven("omniglot-cnp", {"2": 0.7, "15": 0.8}, (15, 2, 2, 2, 2)),
        "omniglot-cnp-paper": uneven("omniglot-cnp-paper", None),
    }
    (of_protonet,), (of_cnp,), of_the_refused = (rows_of(project, name, [each]) for name, each in learners.items())
    assert of_protonet.endswith("| 98.00 ± 0.22 | 99.50 ± 0.22 |")
    assert of_cnp.endswith("|  | 70.00 ± 0.22 | 80.00 ± 0.22 |")
    assert of_the_refused == []
    readme = (project / "docs" / "results.md").read_text()
    assert "15+1+1+1+1 or 15+2+2+2+2 in a task" in readme
    assert "| classes of 1 shot | classes of 2 shots | classes of 15 shots |" in readme


def test_without_uneven_shots_there_is_no_table_of_them(project: Path) -> None:
    assert len(rows_of(project, "omniglot-protonet", [accuracy((5, 1), 0.98514)])) == 1
    assert "unequal numbers" not in (project / "docs" / "results.md").read_text()


def test_answers_given_in_two_ways_have_two_rows_each_beside_what_the_paper_has_of_it(project: Path) -> None:
    records = [
        figures("omniglot-reptile", counts, mean, transductive=transductive)
        for transductive, mean in ((True, 0.97), (False, 0.95))
        for counts in ((5, 1), (5, 5))
    ]
    together, alone = rows_of(project, "omniglot-reptile", records)
    assert together.startswith("| `omniglot-reptile`, transductive |")
    assert alone.startswith("| `omniglot-reptile`, inductive |")
    assert "97.00 ± 0.11 (97.68) | 97.00 ± 0.11 (99.48)" in together
    assert "95.00 ± 0.11 (95.39) | 95.00 ± 0.11 (98.9)" in alone
    readme = (project / "docs" / "results.md").read_text()
    assert readme.count("- `reptile`: ") == 2
    assert "`omniglot-protonet`, inductive" not in readme


def test_no_inductive_figure_stands_beside_a_transductive_one_of_the_paper(project: Path) -> None:
    ways = [figures("omniglot-maml", (5, 1), 0.97, transductive=each) for each in (True, False)]
    together, alone = rows_of(project, "omniglot-maml", ways)
    assert "97.00 ± 0.11 (98.7) |" in together
    assert "97.00 ± 0.11 |" in alone


def test_a_variant_with_figures_of_its_own_is_compared_with_them_on_its_learners_page(project: Path) -> None:
    page = project / "docs" / "learners" / "maml.md"
    page.write_text(f"{tables.START}\n{tables.END}\n")
    (dense,) = rows_of(project, "omniglot-maml-dense", [figures("omniglot-maml-dense", (5, 1), 0.9, transductive=True)])
    assert "90.00 ± 0.11 (89.7) |" in dense
    assert dense in page.read_text()


def test_weights_with_a_name_of_their_own_are_compared_with_what_a_paper_has_of_it(project: Path) -> None:
    record = figures("omniglot-maml", (5, 1), 0.97, transductive=True) | {"weights": "omniglot-maml-first-order"}
    (row,) = rows_of(project, "omniglot-maml-first-order", [record])
    assert "97.00 ± 0.11 (98.3) |" in row


@pytest.mark.parametrize(
    ("recipe", "page"),
    [
        ("omniglot-maml-dense", "maml"),
        ("omniglot-mann-sequences", "mann"),
        ("omniglot-protonet", "protonet"),
        ("gp-attentive-cnp", "attentive_cnp"),
        ("sinusoid-maml", "maml"),
    ],
)
def test_a_recipe_is_on_the_page_of_its_learner(recipe: str, page: str) -> None:
    assert table_layout.page_of({"recipe": recipe}) == page


def test_the_page_is_the_learners_where_the_recipes_file_has_another_name() -> None:
    page = table_layout.page_of({"recipe": "gp-general"})
    assert (BENCHMARKS.parent / "src" / "quickstudy" / "learners" / f"{page}.py").exists()


def test_a_learners_page_holds_its_accuracies_only(project: Path) -> None:
    tables.main(tables.Options(root=project))
    page = (project / "docs" / "learners" / "protonet.md").read_text()
    assert "98.51 ± 0.11 (98.8)" in page
    assert "Speed" not in page
    assert (project / "docs" / "learners" / "cnp.md").read_text() == "no marks here\n"


def readme_row(root: Path, stem: str) -> str:
    (row,) = (line for line in (root / "README.md").read_text().splitlines() if f"learners/{stem}.md)" in line)
    return row


def test_the_readme_has_one_row_for_each_learner_of_the_package(project: Path) -> None:
    assert tables.main(tables.Options(root=project)) == 0
    modules = {path.stem for path in Path(learners.__file__).parent.glob("[!_]*.py")}
    pages = {path.stem for path in (BENCHMARKS.parent / "docs" / "learners").glob("[!i]*.md")}
    rows = [line for line in (project / "README.md").read_text().splitlines() if line.startswith("| [")]
    assert len(rows) == len(learner_table.LEARNERS) == len(pages)
    for stem in pages:
        assert f"[`{stem}.py`](src/quickstudy/learners/{stem}.py)" in readme_row(project, stem)
    # The LSTM is on MANN's page, those for tables on that of one's own data, and those that act have a page together.
    acting = {"decision_transformer", "mann_policy", "policy_maml", "rl2", "snail_policy"}
    assert modules - pages == {"lstm", "averaged_gp", "standardised_means", *acting}


def test_the_readme_has_a_learners_one_shot_figure_beside_the_papers(project: Path) -> None:
    records = [
        {**figures("omniglot-maml", (5, 1), 0.97, transductive=False), "inductive": True},
        figures("omniglot-maml", (5, 1), 0.98, transductive=True),
        figures("omniglot-snail", (20, 1), 0.95),
    ]
    (project / "benchmarks" / "results" / "accuracy-more.json").write_text(json.dumps(records))
    assert tables.main(tables.Options(root=project)) == 0
    assert readme_row(project, "protonet").endswith("| 98.51 ± 0.11 | 98.8, Snell et al., 2017 |")
    assert readme_row(project, "maml").endswith("| 98.00 ± 0.11, transductive | 98.7, Finn et al., 2017 |")
    assert readme_row(project, "snail").endswith("|  | Mishra et al., 2018 |")
    assert readme_row(project, "attentive_cnp").endswith("| no weights | Kim et al., 2019 |")


def test_the_readme_measures_learners_of_functions_images_and_sequences_in_their_own_ways() -> None:
    measured = tables.Results.read(BENCHMARKS.parent).measured()
    text = learner_table.learner_section(measured)
    mann = next(record for record in measured.instances if record["weights"] == "omniglot-mann-sequences")
    second = mann["result"]["accuracy_by_instance"][1]
    figure = f"{100 * second['mean']:.2f} ± {100 * second['interval95']:.2f}"
    assert f"| 2nd drawing of a class: {figure} | 82.8, Santoro et al., 2016 |" in text
    assert "nats (exact posterior -0.11) | Nguyen and Grover, 2022 |" in text
    assert "| squared error 0.0287 ± 0.0009 from 100 pixels | Gordon et al., 2020 |" in text


def test_snails_cache_is_in_the_results_and_on_snails_page(project: Path) -> None:
    tables.main(tables.Options(root=project))
    readme, page = project / "docs" / "results.md", project / "docs" / "learners" / "snail.md"
    beside = "naive, one at a time (5.6 × the images)"
    for text in (readme.read_text(), page.read_text()):
        answering, training = (line for line in text.splitlines() if line.startswith("| SNAIL"))
        what = "| SNAIL answering, 5-way 1-shot, 75 queries"
        assert answering == f"{what} | 1,200 queries/s | {beside} | 40.0 queries/s | 30.0 × (20.0 to 40.0) |"
        what = "| SNAIL training, 5-way 1-shot, 75 queries"
        assert training == f"{what} | 300 queries/s | {beside} | 12.5 queries/s | 24.0 × (20.0 to 40.0) |"
        assert "Linux x86_64, 2 threads" in text
    assert "tasks/s" not in page.read_text()
    assert "Linux x86_64, 1 thread," not in page.read_text()


def test_latency_is_in_the_results_and_not_on_a_learners_page(project: Path) -> None:
    times = {what: {"minimum": 41.25, "median": 60.0} for what in ("adapt_ms", "query_ms")}
    protocol = {"ways": 5, "shots": 5, "rounds": 20, "targets_ms": [50.0, 10.0]}
    record = {"protocol": protocol, "rows": [{"learner": "omniglot-snail", **times}]}
    (project / "benchmarks" / "results" / "latency.json").write_text(json.dumps(record))
    results = tables.Results.read(project)
    assert "| `omniglot-snail` | 41.2 | 60.0 | 41.2 | 60.0 |" in tables.render(results)
    assert "Milliseconds" not in tables.render(results.of_learner("snail"))


def test_check_notices_what_is_not_up_to_date(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check = tables.Options(root=project, check=True)
    before = (project / "docs" / "results.md").read_text()
    assert tables.main(check) == 1
    assert "README.md" in capsys.readouterr().err
    assert (project / "docs" / "results.md").read_text() == before
    assert tables.main(tables.Options(root=project)) == 0
    assert tables.main(check) == 0
    page = project / "docs" / "learners" / "protonet.md"
    page.write_text(page.read_text().replace("98.51", "99.51"))
    assert tables.main(check) == 1
    assert "protonet.md" in capsys.readouterr().err


def test_a_readme_without_marks_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "README.md").write_text("nothing\n")
    assert tables.main(tables.Options(root=project)) == 1
    assert tables.START in capsys.readouterr().err


def test_published_figures_are_whole() -> None:
    published = json.loads((BENCHMARKS / "published.json").read_text(encoding="utf-8"))
    keys = [
        "learner",
        "paper",
        "table",
        "dataset",
        "split",
        "ways",
        "shots",
        "transductive",
        "rotated",
        "queries",
        "accuracy",
        "interval95",
        "protocol",
        "certainty",
    ]
    known = {"from the paper's text", "from the authors' code", "from a summary", "from memory"}
    for source in published:
        assert list(source) == keys
        assert source["certainty"] in known
        assert source["transductive"] in (True, False, None)
        assert source["rotated"] in (True, False, None)
        assert source["queries"] is None or source["queries"] >= 1
    counts = {tuple(source[key] for key in ("learner", "ways", "shots", "transductive")) for source in published}
    assert len(counts) == len(published) == 36
