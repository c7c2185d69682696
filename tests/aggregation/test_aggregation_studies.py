"""Splits put together: the correction by hand, ranks, and what is not mixed."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from aggregation.splits import write_split
from bakeoff.aggregation.run import aggregate
from bakeoff.aggregation.studies import ranks, split_mean
from bakeoff.core.errors import EvaluationError

ACCURACIES = {  # of three splits
    "baseline_tf": (0.70, 0.72, 0.71),
    "swin_t-frozen": (0.80, 0.84, 0.82),
    "mamba_t-frozen": (0.81, 0.80, 0.79),
}


def folders(tmp_path, accuracies=ACCURACIES, **params):
    n = len(next(iter(accuracies.values())))
    return [
        str(write_split(tmp_path / f"s{seed}", seed, {name: row[seed] for name, row in accuracies.items()}, **params))
        for seed in range(n)
    ]


def quiet():
    return Console(record=True, width=150, file=open(os.devnull, "w"))


@pytest.fixture
def console():
    screen = quiet()
    yield screen
    screen.file.close()


def test_the_corrected_standard_error_by_hand():
    found = split_mean(np.array([0.80, 0.84, 0.82]), test_to_train=0.125)
    assert (found.mean, found.sd) == (pytest.approx(0.82), pytest.approx(0.02))
    assert found.standard_error_uncorrected == pytest.approx(0.02 / 3**0.5)
    assert found.standard_error == pytest.approx(0.02 * (1 / 3 + 1 / 8) ** 0.5)
    assert found.high - found.mean == pytest.approx(4.302652729911275 * found.standard_error)  # t at 2 degrees


def test_no_spread_at_all():
    same = split_mean(np.array([0.0, 0.0]), test_to_train=0.1)
    assert (same.standard_error, same.p_value) == (0.0, 1.0)
    assert split_mean(np.array([0.5, 0.5]), test_to_train=0.1).p_value == 1.0  # two equal leads prove nothing


def test_the_same_lead_in_two_splits_is_no_proof(tmp_path, console):
    given = folders(tmp_path, {"baseline_tf": (0.75, 0.5), "a-frozen": (0.875, 0.625)})
    sentence = aggregate(tmp_path, given, tmp_path / "reports", console=console)["studies"][0]["sentence"]
    assert sentence.endswith("p = 1.000): these splits cannot tell the two apart.")


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12), st.floats(0.01, 1))
def test_the_correction_only_widens(values, ratio):
    found = split_mean(np.array(values), test_to_train=ratio)
    assert found.standard_error >= found.standard_error_uncorrected
    assert found.low <= found.mean <= found.high


def test_ranks_share_the_better_place():
    assert ranks(np.array([[0.9, 0.5], [0.9, 0.7], [0.1, 0.6]])).tolist() == [[1, 3], [1, 1], [3, 2]]


def test_refuses_what_is_no_mean_over_splits():
    with pytest.raises(EvaluationError, match=r"needs two finite values or more, got \[0.5\]"):
        split_mean(np.array([0.5]), test_to_train=0.1)
    with pytest.raises(EvaluationError, match="n_test / n_train must be above 0"):
        split_mean(np.array([0.5, 0.6]), test_to_train=0.0)


def test_three_folders_as_json_csv_figure_and_table(tmp_path, console):
    out = tmp_path / "reports"
    record = aggregate(tmp_path, folders(tmp_path), out, console=console)
    (study,) = record["studies"]
    assert [row["candidate"] for row in study["candidates"]] == ["swin_t-frozen", "mamba_t-frozen", "baseline_tf"]
    first, second, _ = study["candidates"]
    assert (first["mean"], first["n_best"], first["ranks"]) == (pytest.approx(0.82), 2, [2, 1, 1])
    assert (second["n_best"], second["behind_best"]["points"]) == (1, pytest.approx(2.0))
    assert second["behind_best"]["low"] < 0 < second["behind_best"]["high"]
    assert study["test_to_train"] == pytest.approx(0.125)
    assert json.loads((out / "aggregate.json").read_text())["studies"] == record["studies"]
    assert (out / "aggregate.csv").read_text().splitlines()[1].startswith("stamps,quick,none,swin_t-frozen,3,0.82")
    assert (out / "aggregate.png").stat().st_size > 5_000
    text = console.export_text()
    assert "2 of 3" in text
    assert "cannot tell the two apart" in text
    assert "Nadeau and Bengio (2003)" in text


def test_the_repair_is_named(tmp_path, console):
    aggregate(tmp_path, folders(tmp_path, repair={"name": "all"}), tmp_path / "reports", console=console)
    assert "stamps, repair all, profile quick: test accuracy over 3 splits" in console.export_text()
    assert "stamps,quick,all,swin_t-frozen" in (tmp_path / "reports" / "aggregate.csv").read_text()


def test_french(tmp_path, console):
    aggregate(tmp_path, folders(tmp_path), tmp_path / "reports", language="fr", console=console)
    text = console.export_text()
    assert "0,820" in text
    assert "2 sur 3" in text


def test_training_seeds_count_by_their_mean_and_a_lonely_candidate_stands_last(tmp_path, console):
    paths = [
        write_split(tmp_path / "a", 0, {"baseline_tf": [0.6, 0.8], "swin_t-frozen": 0.9}),
        write_split(tmp_path / "b", 1, {"baseline_tf": 0.7}),
    ]
    record = aggregate(tmp_path, [str(path) for path in paths], tmp_path / "reports", console=console)
    rows = record["studies"][0]["candidates"]
    assert [(row["candidate"], row["n_splits"], row["mean"]) for row in rows] == [
        ("baseline_tf", 2, pytest.approx(0.7)),
        ("swin_t-frozen", 1, pytest.approx(0.9)),
    ]
    assert rows[1]["low"] is None
    assert record["studies"][0]["sentence"].startswith("baseline_tf reaches 0.700")


def test_random_starts_are_listed_and_not_ranked(tmp_path, console):
    given = folders(tmp_path, ACCURACIES | {"lucky-frozen": (0.99, 0.99, 0.99), "lazy-frozen": (0.2, 0.2, 0.2)})
    for folder in given:
        path = Path(folder) / "reports" / "leaderboard.csv"
        head, *rows = path.read_text(encoding="utf-8").splitlines()
        flags = [f"{'lucky' not in row},{'lazy' not in row}" for row in rows]
        lines = [f"{head},pretrained,learned", *(f"{row},{flag}" for row, flag in zip(rows, flags, strict=True))]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    record = aggregate(tmp_path, given, tmp_path / "reports", console=console)
    study, text = record["studies"][0], console.export_text()
    assert study["candidates"][0]["candidate"] == "swin_t-frozen"
    assert study["candidates"][0]["mean_rank"] == pytest.approx((2 + 1 + 1) / 3)
    last = {row["candidate"]: (row["apart"], row["mean_rank"], row["mean"]) for row in study["candidates"][-2:]}
    assert last["lucky-frozen"] == ({"random_weights": 3}, None, pytest.approx(0.99))
    assert last["lazy-frozen"] == ({"not_learned": 3}, None, pytest.approx(0.2))
    assert "random start" in text
    assert "did not learn" in text
    assert study["sentence"].startswith("swin_t-frozen has the highest mean")
    assert "Excluded from the ranking" in record["notes"][1]
    for folder in given:  # what the study's own comparison allows, counts here too
        params = yaml.safe_load((Path(folder) / "params.yaml").read_text(encoding="utf-8"))
        params["compare"] = {"allow_random_weights": True}
        (Path(folder) / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    allowed = aggregate(tmp_path, given, tmp_path / "reports", console=console)["studies"][0]
    assert allowed["candidates"][0]["candidate"] == "lucky-frozen"


def test_a_newer_result_with_weights_clears_the_doubt(tmp_path, console):
    given = folders(tmp_path, {"a-frozen": (0.5, 0.6), "baseline_tf": (0.4, 0.5)})
    old = []
    for seed in range(2):
        folder = write_split(tmp_path / f"old{seed}", seed, {"a-frozen": 0.1})
        path = folder / "reports" / "leaderboard.csv"
        path.write_text("candidate,seed,accuracy,status,pretrained\na-frozen,0,0.1,ok,False\n", encoding="utf-8")
        os.utime(path, (1, 1))
        old.append(str(folder))
    study = aggregate(tmp_path, [*given, *old], tmp_path / "reports", console=console)["studies"][0]
    assert [(row["candidate"], row["apart"], row["n_best"]) for row in study["candidates"]] == [
        ("a-frozen", None, 2),
        ("baseline_tf", None, 0),
    ]


def doubt(folder: str, flag: str) -> None:
    """Have a result's one candidate say by a column of the leaderboard that it says nothing of its backbone."""
    path = Path(folder) / "reports" / "leaderboard.csv"
    path.write_text(f"candidate,seed,accuracy,status,{flag}\na-frozen,0,0.5,ok,False\n", encoding="utf-8")


def test_doubts_are_counted_by_reason_and_split(tmp_path, console):
    given = folders(tmp_path, {"a-frozen": (0.5, 0.6, 0.7)})

    def told() -> tuple[dict, str]:
        study = aggregate(tmp_path, given, tmp_path / "reports", console=console)["studies"][0]
        return study, " ".join(console.export_text().split())

    doubt(given[0], "pretrained")
    study, text = told()
    assert study["sentence"].startswith("No candidate can be ranked")
    assert study["candidates"][0]["apart"] == {"random_weights": 1}
    assert "random start (1 of 3)" in text
    doubt(given[1], "learned")
    assert "random start (1 of 3), did not learn (1 of 3)" in told()[1]
    table = pd.read_csv(tmp_path / "reports" / "aggregate.csv")
    assert table["apart"].tolist() == ["random_weights: 1; not_learned: 1"]
    for folder in given:
        doubt(folder, "pretrained")
    study, text = told()
    assert study["candidates"][0]["apart"] == {"random_weights": 3}
    assert "random start" in text
    assert "of 3)" not in text


def test_of_a_split_run_again_the_newer_counts(tmp_path, console):
    first, second = folders(tmp_path, {"baseline_tf": (0.7, 0.6)})
    again = write_split(tmp_path / "again", 0, {"baseline_tf": 0.9})
    for age, folder in ((300, first), (200, second), (100, again)):
        file = f"{folder}/reports/leaderboard.csv"
        os.utime(file, (1e9 - age, 1e9 - age))
    record = aggregate(tmp_path, [str(again), first, second], tmp_path / "reports", console=console)
    assert record["studies"][0]["candidates"][0]["values"] == [0.9, 0.6]
    assert "1 older result of a split" in " ".join(record["notes"])


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"dataset": {"name": "flipkart"}}, "data set stamps against flipkart"),
        ({"profile": "full"}, "section profile"),
        ({"split": {"train": 0.5, "validation": 0.25, "test": 0.25, "seed": 0}}, "section split"),
        ({"training": {"batch_size": 32}}, "section training"),
        ({"repair": {"name": "all"}}, "section repair"),
    ],
)
def test_does_not_mix_studies(tmp_path, changes, what):
    one = write_split(tmp_path / "a", 0, {"baseline_tf": 0.7})
    other = write_split(tmp_path / "b", 1, {"baseline_tf": 0.7}, **changes)
    with pytest.raises(EvaluationError, match=rf"differ in more than the split \({what}\); aggregate them in two"):
        aggregate(tmp_path, [str(one), str(other)], tmp_path / "reports")


def test_does_not_mix_a_candidate_under_two_settings(tmp_path):
    one = write_split(tmp_path / "a", 0, {"swin_t-frozen": 0.7})
    other = write_split(tmp_path / "b", 1, {"swin_t-frozen": 0.7}, backbones={"swin_t": {"name": "swin_base"}})
    with pytest.raises(EvaluationError, match="swin_t-frozen has other settings in b than in a"):
        aggregate(tmp_path, [str(one), str(other)], tmp_path / "reports")


@pytest.mark.parametrize(
    ("candidate", "changed"),
    [
        ("tfidf-original", {"text_settings": {"tfidf": {"classifier": "forest"}}}),
        ("tfidf-original", {"text": {"cleaning": "light"}}),
        ("swin_t-frozen+tfidf-original-mean", {"text_settings": {"tfidf": {"classifier": "forest"}}}),
        ("swin_t-frozen+tfidf-original-mean", {"backbones": {"swin_t": {"name": "swin_base"}}}),
        ("swin_t-frozen+tfidf-original-mean", {"fuse": {"mean": {"c": 2}}}),
    ],
)
def test_does_not_mix_text_candidates_and_pairs_under_two_settings(tmp_path, candidate, changed):
    same = {"text_settings": {"tfidf": {}}, "text": {"cleaning": "full"}, "fuse": {"mean": {"c": 1}}}
    one = write_split(tmp_path / "a", 0, {candidate: 0.7}, **same)
    other = write_split(tmp_path / "b", 1, {candidate: 0.7}, **(same | changed))
    with pytest.raises(EvaluationError, match="has other settings in b than in a"):
        aggregate(tmp_path, [str(one), str(other)], tmp_path / "reports")


def test_one_split_is_not_enough_and_a_folder_needs_its_files(tmp_path):
    one = write_split(tmp_path / "a", 4, {"baseline_tf": 0.7})
    with pytest.raises(EvaluationError, match=r"all results \(a\) are of one split \(seed 4\); at least two"):
        aggregate(tmp_path, [str(one)], tmp_path / "reports")
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvaluationError, match=r"empty must hold params.yaml and reports/leaderboard.csv"):
        aggregate(tmp_path, [str(tmp_path / "empty")], tmp_path / "reports")
    (one / "reports" / "leaderboard.csv").write_text("a,b\n1,2\n")
    with pytest.raises(EvaluationError, match="is not a leaderboard: it lacks accuracy, candidate, status"):
        aggregate(tmp_path, [str(one)], tmp_path / "reports")
    nothing = write_split(tmp_path / "c", 0, {})
    with pytest.raises(EvaluationError, match="c: the leaderboard holds no candidate with a result"):
        aggregate(tmp_path, [str(nothing)], tmp_path / "reports")
    (nothing / "params.yaml").write_text("split: {train: 0.8}\n")
    with pytest.raises(EvaluationError, match=r"c: params\.yaml names no split\.seed"):
        aggregate(tmp_path, [str(nothing)], tmp_path / "reports")


def method_folders(tmp_path, method, varies):
    """Folders of three results that differ in `split.<varies>`."""
    given = []
    for number, accuracy in enumerate((0.80, 0.84, 0.82)):
        split = {"train": 0.8, "validation": 0.1, "test": 0.1, "method": method, "n_folds": 5, "fold": 0} | {
            varies: number
        }
        given.append(
            str(write_split(tmp_path / f"r{number}", split.get("seed", 0), {"a-frozen": accuracy}, split=split))
        )
    return given


def test_folds_are_splits_with_the_share_of_a_fold(tmp_path, console):
    study = aggregate(tmp_path, method_folders(tmp_path, "kfold", "fold"), tmp_path / "reports", console=console)[
        "studies"
    ][0]
    assert [one["split"] for one in study["splits"]] == ["seed 0, fold 0", "seed 0, fold 1", "seed 0, fold 2"]
    assert study["test_to_train"] == pytest.approx(0.2 / (0.8 * 8 / 9))  # of all products; n_test / n_train
    row = study["candidates"][0]
    assert row["standard_error"] == pytest.approx(0.02 * (1 / 3 + 0.2 / (0.8 * 8 / 9)) ** 0.5)


def test_a_fold_names_no_holdout_and_an_official_test_set_is_one_split(tmp_path, console):
    holdout = method_folders(tmp_path / "holdout", "holdout", "seed")
    study = aggregate(tmp_path, holdout, tmp_path / "reports", console=console)["studies"][0]
    assert [one["split"] for one in study["splits"]] == ["seed 0", "seed 1", "seed 2"]
    with pytest.raises(
        EvaluationError, match=r"of one split \(official test set\).* with split\.method holdout or kfold"
    ):
        aggregate(tmp_path, method_folders(tmp_path / "official", "official", "seed"), tmp_path / "reports")
