"""Figures of features and of small tables become tables."""

import feature_tables


def _row(**more) -> dict:
    interval = {"mean": 0.8125, "interval95": 0.01, "count": 10}
    return {"classifier": "class means", "accuracy": interval, **more}


def test_each_setting_is_a_column_and_each_classifier_a_row() -> None:
    records = [
        {"data": "emoji_names", "tasks": 100, "rows": [_row(ways=5, shots=1), _row(ways=20, shots=1)]},
        {"data": "textures", "tasks": 200, "rows": [_row(ways=3, shots=5) | {"classifier": "feature-means"}]},
    ]
    text = feature_tables.feature_section(records)
    assert "| classifier | emoji names, 5-way 1-shot | emoji names, 20-way 1-shot | textures, 3-way 5-shot |" in text
    assert "| class means | 81.2 ± 1.0 | 81.2 ± 1.0 | – |" in text
    assert "| `feature-means` | – | – | 81.2 ± 1.0 |" in text
    assert feature_tables.feature_section([]) == ""


def test_small_tables_have_accuracy_and_log_loss() -> None:
    rows = [_row(table="iris", rows=5, log_loss={"mean": 0.26, "interval95": 0.01, "count": 10})]
    text = feature_tables.small_table_section({"draws": 50, "floor": 1e-3, "rows": rows})
    assert "| iris | 5 | class means | 81.2 ± 1.0 | 0.260 |" in text
    assert feature_tables.small_table_section(None) == ""
