from __future__ import annotations

import math

from tracking_files import epoch_row, header, write_candidate, write_evaluation, write_picture, write_training

from bakeoff.records.evaluation import BeforeAfter, IntervalRecord, Overfitting
from bakeoff.tracking.records import (
    as_value,
    epoch_metrics,
    finite,
    flatten,
    hash_of,
    read_results,
    read_rows,
    run_params,
)
from bakeoff.tracking.runs import combined_key, identity_tags, is_compatible, run_name
from bakeoff.tracking.tensorboard import write_events
from bakeoff.tracking.ui import VIEW, server_command
from prepared import PREPARE
from records_made import calibration_record, dataset, faithfulness_record, method_faithfulness, repair_record


def test_flatten_joins_names_by_dots():
    assert flatten({"a": {"b": 1, "c": {"d": [2]}}, "e": None}, "s") == {"s.a.b": 1, "s.a.c.d": [2], "s.e": None}


def test_params_are_text_and_short():
    params = run_params(header(settings={"note": "x" * 900, "mean": [0.5, 0.5]}))
    assert params["settings.note"] == "x" * 500
    assert params["settings.mean"] == "[0.5, 0.5]"
    assert params["seed"] == "0"


def test_only_finite_numbers_become_metrics():
    assert finite({"a": 1, "b": math.nan, "c": None, "d": "x", "e": math.inf}) == {"a": 1.0}
    assert epoch_metrics({"epoch": "3", "train_loss": "0.25", "validation_loss": ""}) == {"epoch/train_loss": 0.25}


def test_a_cell_is_a_number_where_it_spells_a_finite_one():
    cells = ["3", "0.5", "", "shoes", "Infinity", "nan"]
    assert [as_value(cell) for cell in cells] == [3, 0.5, None, "shoes", "Infinity", "nan"]


def test_history_of_a_model_taken_over_as_it_is_is_empty(tmp_path):
    assert read_rows(tmp_path / "history.csv") == []


def test_the_hash_tells_pieces_apart():
    assert hash_of("ab", "c") != hash_of("a", "bc")
    assert len(hash_of("ab")) == 16


def test_a_run_fits_when_its_training_is_equal_and_later_keys_are_equal_or_absent():
    tags = {"bakeoff.training_key": "t", "bakeoff.evaluation_key": "e"}
    assert is_compatible(tags, {"training": "t"})
    assert is_compatible(tags, {"training": "t", "evaluation": "e", "interpretation": "i"})
    assert not is_compatible(tags, {"training": "t", "evaluation": "other"})
    assert not is_compatible(tags, {"training": "other"})
    assert not is_compatible({}, {"training": "t"})


def test_the_combined_key_changes_with_every_stage():
    tags = {"bakeoff.training_key": "t"}
    keys = {combined_key(tags)}
    for name in ("evaluation", "interpretation", "faithfulness"):
        tags[f"bakeoff.{name}_key"] = "k"
        keys.add(combined_key(tags))
    assert len(keys) == 4


def test_names_and_tags():
    assert run_name(header()) == "tiny-frozen"
    assert run_name(header(seed=2)) == "tiny-frozen-seed_2"
    tags = identity_tags(header(), "c0ffee")
    assert tags["bakeoff.git_commit"] == tags["mlflow.source.git.commit"] == "c0ffee"
    assert tags["bakeoff.weights_source"] == "hub"
    assert tags["bakeoff.repair"] == "none"
    repaired = dataset(prepare=PREPARE.model_copy(update={"repair": repair_record().repair}))
    assert identity_tags(header(dataset=repaired), None)["bakeoff.repair"] == "mine"
    assert "bakeoff.weights_reason" not in tags
    assert all(isinstance(value, str) for value in tags.values())


def test_cells_become_numbers_where_they_spell_one():
    assert [as_value(cell) for cell in ("3", "0.5", "", "food", "True")] == [3, 0.5, None, "food", "True"]


def test_event_files_hold_scalars_image_and_text(project):
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    candidate = write_candidate(project / "runs" / "tiny-frozen" / "seed_0")
    write_picture(candidate / "evaluation" / "figures" / "confusion.png")
    path = write_events(read_results(candidate))
    assert path.is_relative_to(project / ".bakeoff" / "tensorboard" / "tiny-frozen" / "seed_0" / ("a" * 16))
    assert write_events(read_results(candidate)) == path
    assert len(list(path.parent.iterdir())) == 1
    values = {}
    for event in EventFileLoader(str(path)).Load():
        values |= {(value.tag, event.step): value for value in event.summary.value}
    assert math.isclose(values["epoch/train_loss", 2].tensor.float_val[0], 0.5)
    assert math.isclose(values["final/latency_ms_p50", 0].tensor.float_val[0], 60.0)
    assert values["confusion", 0].tensor.string_val[:2] == [b"8", b"6"]
    assert values["classification_report/text_summary", 0].tensor.string_val[0].startswith(b"    food 0.8")


def test_a_rows_epoch_is_its_step_not_a_metric():
    assert set(epoch_metrics(epoch_row(1))) == {
        "epoch/step",
        "epoch/train_loss",
        "epoch/train_accuracy",
        "epoch/validation_loss",
        "epoch/validation_accuracy",
        "epoch/learning_rate",
        "epoch/seconds",
    }


def test_the_ui_opens_on_the_classic_table_with_accuracy_and_throughput(project):
    from bakeoff.tracking.store import resolve_store

    assert {"metrics.`test_accuracy`", "metrics.`images_per_s`"} <= set(VIEW["selectedColumns"])
    command = server_command(resolve_store(), 5000)
    assert command[command.index("--workers") + 1] == "1"
    assert command[command.index("--host") + 1] == "127.0.0.1"


def test_a_stage_that_has_not_run_since_an_upgrade_is_left_out(tmp_path):
    """A training that ends finds the records that an older version left, and must not fail over them."""
    candidate = write_candidate(tmp_path / "runs" / "tiny-frozen" / "seed_0")
    assert set(read_results(candidate).parts) == {"training", "evaluation", "interpretation"}
    (candidate / "evaluation" / "metrics.json").write_text('{"format": 0, "accuracy": 0.9}', encoding="utf-8")
    assert set(read_results(candidate).parts) == {"training", "interpretation"}


def test_gains_of_the_methods_of_explanation_become_metrics_while_they_are_of_this_training(tmp_path):
    candidate = tmp_path / "runs" / "tiny-frozen" / "seed_0"
    write_training(candidate)
    methods = {"grad_cam": method_faithfulness(gain=0.12), "lime": method_faithfulness("no", gain=-0.2)}
    path = candidate / "faithfulness" / "faithfulness.json"
    faithfulness_record(methods, training_key="of another training").write(path)
    assert set(read_results(candidate).parts) == {"training"}
    faithfulness_record(methods, key="c" * 16, training_key="a" * 16).write(path)
    results = read_results(candidate)
    assert results.keys["faithfulness"] == "c" * 16
    metrics = results.metrics
    assert metrics["faithfulness_grad_cam_insertion_gain"] == 0.12
    assert metrics["faithfulness_lime_deletion_gain"] == -0.2


def test_intervals_gaps_and_calibration_become_metrics(tmp_path):
    candidate = write_candidate(tmp_path / "runs" / "tiny-frozen" / "seed_0")
    before = read_results(candidate)
    interval = IntervalRecord(low=0.6, high=0.9, level=0.95, method="wilson", n_resamples=None)
    gaps = Overfitting(accuracy_gap=0.25, log_loss_gap=1.5, overfits=True, max_gap=0.1, rule="r")
    write_evaluation(candidate, intervals={"test": {"accuracy": interval}}, overfitting=gaps)
    plain = calibration_record().test.before
    both = BeforeAfter(before=plain, after=plain.model_copy(update={"ece_equal_width": 0.03}))
    calibration_record(temperature=1.7, test=both).write(candidate / "evaluation" / "calibration.json")
    after = read_results(candidate)
    metrics = after.metrics
    assert (metrics["test_accuracy"], metrics["test_accuracy_low"], metrics["test_accuracy_high"]) == (0.75, 0.6, 0.9)
    assert (metrics["overfitting_accuracy_gap"], metrics["overfitting_log_loss_gap"]) == (0.25, 1.5)
    assert (metrics["calibration_temperature"], metrics["test_calibrated_ece"]) == (1.7, 0.03)
    assert after.parts["evaluation"].digest != before.parts["evaluation"].digest
