"""The tables of docs/acting.md, for `benchmarks/report/tables.py`: learners that act, and the rules beside them."""

from collections.abc import Sequence

from quickstudy.protocols.records import interval_text
from table_layout import Record, table

PUBLISHED = {
    "10 pulls, 5 arms": {"snail": "6.6 ± 0.1", "rl2": "6.7"},
    "10 pulls, 50 arms": {"snail": "6.7 ± 0.1", "rl2": "6.8"},
    "100 pulls, 5 arms": {"snail": "79.1 ± 1.0", "rl2": "78.7"},
    "10 episodes, 10 states": {"snail": "0.766 ± 0.001", "rl2": "0.752"},
}
"""Of Mishra et al. (2018), tables 4 and 5. Of processes it is the normalised reward. Its column “LSTM” is RL²."""
_RULES = ("Thompson", "greedy", "random", "knows the task")
_HEADINGS = ("setting", "weights", "reward", "normalised", "published", *_RULES)
_OTHERS = ("published", "simulated")
_TOO_FAR = 2.0
_NAMES = ("random", "greedy", "UCB1, scale 0.1", "Thompson", "optimistic Thompson, 20 draws", "Gittins index")


def learners_section(records: Sequence[Record]) -> str:
    """A row for each learner that was measured; of mazes, the steps of both episodes beside."""
    found = [record for record in records if "reward" in record]
    if not found:
        return ""
    ordered = sorted(found, key=lambda record: (record["setting"], record["learner"]))
    tasks = " or ".join(f"{number:,}" for number in sorted({record["tasks"] for record in ordered}))
    rows = [_row(record) for record in ordered]
    words = f"Reward of a trial in {tasks} new worlds, which are the same in a row. Actions are sampled."
    return "\n\n".join([words, table(_HEADINGS, rows, 2), *_mazes(ordered), *_regrets(ordered)])


def _row(record: Record) -> list[str]:
    beside = record["beside"]
    rules = [interval_text(beside[name]["reward"], 2) if name in beside else "–" for name in _RULES]
    published = next(
        (text for kind, text in PUBLISHED.get(record["setting"], {}).items() if kind in record["learner"]), "–"
    )
    normalised = interval_text(record["normalised"], 3) if "normalised" in record else "–"
    return [
        record["setting"],
        f"`{record['learner']}`",
        interval_text(record["reward"], 2),
        normalised,
        published,
        *rules,
    ]


def _mazes(records: Sequence[Record]) -> list[str]:
    """Steps of the first and the second episode."""
    rows = [
        [name, *(interval_text(found[f"steps, episode {episode}"], 1) for episode in (1, 2))]
        for record in records
        if "steps, episode 2" in record
        for name, found in [(f"`{record['learner']}`", record), *record["beside"].items()]
    ]
    return [table(("mazes", "steps of the first episode", "of the second"), rows, 1)] if rows else []


def _regrets(records: Sequence[Record]) -> list[str]:
    """How much more regret learners have than Thompson sampling, where that was measured."""
    rows = [
        [f"`{record['learner']}`", interval_text(found["learner_regret_more"], 1, 100) + " %", f"{record['tasks']:,}"]
        for record in records
        if "learner_regret_more" in (found := record["beside"].get("Thompson", {}))
    ]
    return [table(("weights", "more regret than Thompson sampling", "trials"), rows, 1)] if rows else []


def rules_section(record: Record | None) -> str:
    """The rewards of rules, with the published and the simulated ones below or beside."""
    if record is None:
        return ""
    bandits = [each for each in record["settings"] if "pulls" in each["setting"]]
    processes = [each for each in record["settings"] if "episodes" in each["setting"]]
    parts = [table(("bandits", *_NAMES), _groups(bandits, _NAMES), 1)] if bandits else []
    for each in processes:
        rows = [
            [name, interval_text(found, 1), *(str(each.get(column, {}).get(name, "–")) for column in _OTHERS)]
            for name, found in each["reward"].items()
        ]
        headings = (f"processes, {each['setting']}, {each['tasks']:,} tasks", "reward", *_OTHERS)
        parts.append(table(headings, rows, 1))
    return "\n\n".join([*parts, *_distances(record["settings"])])


def speed_section(record: Record | None) -> str:
    """What kept activations save, and how many steps a second the environments make."""
    if record is None:
        return ""
    trials, pulls = record["trials"], record["pulls"]
    words = (
        f"Cached SNAIL acts in {trials} trials of {pulls} pulls {record['ratio']:.1f} times as fast as one that reads "
        "the whole trial again at every step. Environment steps a second on one core:"
    )
    ways = ("steps_a_second", "steps_a_second_by_gymnasium", "steps_a_second_one_by_one")
    rows = [[name, *(f"{record[way][name]:,.0f}" for way in ways)] for name in record[ways[0]]]
    headings = ("environment", "one batch of tensors", "Gymnasium's vector interface", "`SyncVectorEnv`, one by one")
    return "\n\n".join([words, table(headings, rows, 1)])


def _groups(records: Sequence[Record], names: Sequence[str]) -> list[list[str]]:
    rows = []
    for each in records:
        digits = 2 if each["setting"].startswith("10 ") else 1
        ours = [interval_text(each["reward"][name], digits) if name in each["reward"] else "–" for name in names]
        rows.append([f"{each['setting']}, {each['tasks']:,} tasks", *ours])
        for column in _OTHERS:
            if each.get(column):
                rows.append([f"{each['setting']}, {column}", *(str(each[column].get(name, "–")) for name in names)])
    return rows


def _distances(records: Sequence[Record]) -> list[str]:
    """How many figures are further from those of the other simulation than chance explains."""
    apart = {
        f"{name} ({each['setting']}, {number:.1f})": number
        for each in records
        for name, number in each.get("standard_errors_apart", {}).items()
    }
    if not apart:
        return []
    far = [name for name, number in apart.items() if number > _TOO_FAR]
    words = (
        f"The simulated rewards are of other code, and each has a standard error of its own. "
        f"{len(far)} of {len(apart)} rewards are more than two standard errors of the difference away from them"
    )
    return [f"{words}: {', '.join(far)}." if far else f"{words}."]
