from acting_tables import learners_section, rules_section, speed_section


def _mean(value: float) -> dict[str, float]:
    return {"mean": value, "interval95": 0.01}


def test_a_learner_stands_beside_rules_and_what_was_published() -> None:
    rule = {"reward": _mean(5.81), "learner_regret_more": _mean(-0.5)}
    record = {"setting": "10 pulls, 5 arms", "learner": "bandit-snail", "reward": _mean(6.5), "tasks": 2_000}
    found = learners_section([record | {"beside": {"Thompson": rule}}])
    row = "| 10 pulls, 5 arms | `bandit-snail` | 6.50 ± 0.01 | – | 6.6 ± 0.1 | 5.81 ± 0.01 | – | – | – |"
    assert row in found.splitlines()
    assert "| `bandit-snail` | -50.0 ± 1.0 % | 2,000 |" in found.splitlines()


def test_both_episodes_of_mazes_are_shown() -> None:
    steps = {"steps, episode 1": _mean(20.0), "steps, episode 2": _mean(8.0)}
    record = {"setting": "2 episodes", "learner": "maze-rl2", "reward": _mean(1.7), "tasks": 10, **steps}
    found = learners_section([record | {"beside": {"random": {"reward": _mean(0.5), **steps}}}])
    assert "| `maze-rl2` | 20.0 ± 0.0 | 8.0 ± 0.0 |" in found.splitlines()
    assert "| random | 20.0 ± 0.0 | 8.0 ± 0.0 |" in found.splitlines()


def test_rules_stand_above_what_was_published() -> None:
    settings = [
        {"setting": "10 pulls, 5 arms", "tasks": 100, "reward": {"random": _mean(5.0)}, "published": {"random": 5.0}},
        {
            "setting": "10 episodes",
            "tasks": 100,
            "reward": {"PSRL": _mean(138.0)},
            "published": {"PSRL": 138.1},
            "simulated": {"PSRL": 140.0},
            "standard_errors_apart": {"PSRL": 2.2},
        },
    ]
    lines = rules_section({"settings": settings}).splitlines()
    assert "| 10 pulls, 5 arms, 100 tasks | 5.00 ± 0.01 | – | – | – | – | – |" in lines
    assert "| 10 pulls, 5 arms, published | 5.0 | – | – | – | – | – |" in lines
    assert "| PSRL | 138.0 ± 0.0 | 138.1 | 140.0 |" in lines
    assert "1 of 1 rewards are more than two standard errors" in lines[-1]
    assert lines[-1].endswith("PSRL (10 episodes, 2.2).")


def test_speed_is_a_sentence_and_a_row_for_each_environment() -> None:
    rates = [{"Bandit": number} for number in (4_000_000.4, 800_000.0, 7_000.0)]
    ways = ("steps_a_second", "steps_a_second_by_gymnasium", "steps_a_second_one_by_one")
    found = speed_section({"trials": 256, "pulls": 100, "ratio": 25.41, **dict(zip(ways, rates, strict=True))})
    assert "256 trials of 100 pulls 25.4 times as fast" in found
    assert "| Bandit | 4,000,000 | 800,000 | 7,000 |" in found.splitlines()


def test_nothing_measured_makes_no_table() -> None:
    assert (learners_section([]), rules_section(None)) == ("", "")
