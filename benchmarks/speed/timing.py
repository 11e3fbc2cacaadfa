"""Paired timing: contenders take turns in one process, so that a busy machine slows all of them equally."""

import time
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.progress import Progress

Work = Callable[[], int]
"""Does a piece of work, and says how many units of it were done."""

_TURN_SECONDS = 0.2  # Short beside a machine's moods, long beside a look at the clock.

PAIRING = (
    "one process; the contenders take turns of about "
    f"{_TURN_SECONDS} s until each has had its seconds in the round, every other round in reverse order; "
    "a ratio is of one round"
)


def paired_rates(
    contenders: Mapping[str, Work], rounds: int, seconds: float, title: str = ""
) -> dict[str, list[float]]:
    """Units a second of each contender in each round, after a turn of each that does not count."""
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for work in contenders.values():
        _turn(work, seconds)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        for round_index in progress.track(range(rounds), description=title):
            names = list(contenders) if round_index % 2 == 0 else list(contenders)[::-1]
            for name, rate in _round({name: contenders[name] for name in names}, seconds).items():
                rates[name].append(rate)
    return rates


def ratios(rates: Mapping[str, Sequence[float]], faster: str, slower: str) -> list[float]:
    """How many times as fast one contender is as another, round by round."""
    return [ours / theirs for ours, theirs in zip(rates[faster], rates[slower], strict=True)]


def _round(contenders: Mapping[str, Work], seconds: float) -> dict[str, float]:
    units, spent = dict.fromkeys(contenders, 0), dict.fromkeys(contenders, 0.0)
    while min(spent.values()) < seconds:
        for name, work in contenders.items():
            done, elapsed = _turn(work, min(seconds, _TURN_SECONDS))
            units[name] += done
            spent[name] += elapsed
    return {name: units[name] / spent[name] for name in contenders}


def _turn(work: Work, seconds: float) -> tuple[int, float]:
    units, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds or units == 0:
        units += work()
    return units, elapsed
