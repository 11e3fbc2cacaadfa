"""The rows about speed, for `benchmarks/report/tables.py`: each sets one way of ours beside one other way."""

from collections.abc import Iterable

from quickstudy.protocols.records import ratio_text, spread
from table_layout import Record, table

HEADINGS = ("what", "ours", "beside", "theirs", "speed ratio")


def sampler_rows(sampler: Record | None) -> list[list[str]]:
    """What `benchmarks/speed/sampler.py` measured, if it did."""
    rows = []
    for setting in [] if sampler is None else sampler["settings"]:
        ours, usual = (spread(rates)["median"] for rates in setting["tasks_per_second"].values())
        at_once = f"{setting['tasks_per_batch']} at once" if setting["tasks_per_batch"] > 1 else "one at a time"
        what = f"drawing tasks, {_setting(setting)}, {at_once}"
        rows.append([what, f"{ours:,.0f} tasks/s", "usual way", f"{usual:,.0f} tasks/s", ratio_text(setting["ratio"])])
    return rows


def throughput_rows(throughput: Record | None) -> list[list[str]]:
    """What `benchmarks/speed/throughput.py` measured, if it did."""
    rows = []
    for comparison in [] if throughput is None else throughput["comparisons"]:
        rates = {name: spread(values)["median"] for name, values in comparison["images_per_second"].items()}
        ours = next(iter(rates.values()))
        for name, ratio in comparison["ratio"].items():
            figures = [f"{ours:,.0f} images/s", name, f"{rates[name]:,.0f} images/s"]
            rows.append([f"training, {comparison['title']}", *figures, ratio_text(ratio)])
    return rows


def cache_rows(snail_cache: Record | None) -> list[list[str]]:
    """What `benchmarks/speed/snail_cache.py` measured, if it did; each other way with what it embeds beside ours."""
    rows = []
    for setting in [] if snail_cache is None else snail_cache["settings"]:
        for activity in ("answering", "training"):
            what = f"SNAIL {activity}, {_setting(setting)}, {setting['queries']} queries"
            rates = {way: _queries(values) for way, values in setting[activity]["queries_per_second"].items()}
            ours = next(iter(rates.values()))
            for way, ratio in setting[activity]["ratio"].items():
                beside = f"{way} ({setting['images_ratio'][way]:.1f} × the images)"
                rows.append([what, ours, beside, rates[way], ratio_text(ratio)])
    return rows


def step_rows(record: Record | None, learner: str) -> list[list[str]]:
    """What a benchmark of training steps of all tasks at once measured, if it did."""
    rows = []
    for setting in [] if record is None else record["settings"]:
        rates = {way: spread(values)["median"] for way, values in setting["tasks_per_second"].items()}
        ours = next(iter(rates.values()))
        for way, ratio in setting["ratio"].items():
            figures = [f"{ours:,.1f} tasks/s", way, f"{rates[way]:,.1f} tasks/s"]
            rows.append([f"training {learner}, {_step(setting)}", *figures, ratio_text(ratio)])
    return rows


def latency_section(record: Record | None) -> str:
    """What `benchmarks/speed/latency.py` measured, if it did: milliseconds to adapt and to answer one query."""
    if record is None:
        return ""
    protocol = record["protocol"]
    adapt, query = protocol["targets_ms"]
    words = (
        f"Milliseconds to adapt to {protocol['ways']} classes of {protocol['shots']} drawings, and to answer one "
        f"query, on one core: the shortest and the median of {protocol['rounds']} rounds. Targets: {adapt:.0f} and "
        f"{query:.0f}."
    )
    rows = [
        [f"`{row['learner']}`" if "-" in row["learner"] else row["learner"]]
        + [f"{row[what][kind]:.1f}" for what in ("adapt_ms", "query_ms") for kind in ("minimum", "median")]
        for row in record["rows"]
    ]
    headings = ("learner", "adapt, shortest", "median", "query, shortest", "median")
    return "\n\n".join([words, table(headings, rows, 1)])


def _step(setting: Record) -> str:
    if "inner_steps" in setting:
        steps = "1 inner step" if setting["inner_steps"] == 1 else f"{setting['inner_steps']} inner steps"
        return f"{setting['tasks']} tasks, {setting['ways']}-way 1-shot, {steps}"
    return f"{setting['tasks_per_step']} tasks, {_setting(setting)}, {setting['queries']} queries"


def machines(records: Iterable[Record | None]) -> list[str]:
    """A line for each machine that something was measured on."""
    lines = []
    for record in filter(None, records):
        machine = record["provenance"]
        threads = "1 thread" if machine["threads"] == 1 else f"{machine['threads']} threads"
        device = "no accelerator" if machine["accelerator"] == "none" else machine["accelerator"]
        lines.append(f"Machine: {machine['machine']}, {threads}, {device}, torch {machine['torch']}.")
    return list(dict.fromkeys(lines))


def _setting(record: Record) -> str:
    return f"{record['ways']}-way {record['shots']}-shot"


def _queries(rates: list[float]) -> str:
    middle = spread(rates)["median"]
    return f"{middle:,.{0 if middle >= 100 else 1}f} queries/s"
