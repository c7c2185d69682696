"""training.json, cost.json, labels.json, audit.json and throughput.json come back as they were written."""

from __future__ import annotations

import json

import pytest

from bakeoff.core.errors import DataError, EvaluationError
from bakeoff.records.catalogue import AuditRecord, LabelsRecord, PackLimits
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.speed import ThroughputRecord
from bakeoff.records.training import CostRecord, TrainingRecord
from records_made import (
    audit_record,
    candidate_settings,
    cost_record,
    dataset,
    network_speed,
    throughput_record,
    training_record,
    weights_record,
)


@pytest.mark.parametrize(
    "record",
    [
        training_record("swin_t-finetune"),
        training_record("mamba_t-frozen", weights=weights_record("mamba_t", pretrained=False), scan="cpu"),
        training_record("baseline_tf"),
        cost_record(),
        cost_record(git_commit=None),
        LabelsRecord(labels=["a", "b"], dataset=dataset()),
        audit_record(),
        throughput_record(),
        throughput_record({"a": network_speed(latency_ms_p99=None)}, failed={"b": "no weights"}),
    ],
    ids=lambda record: type(record).__name__,
)
def test_every_record_comes_back_as_it_was_written(record, tmp_path):
    record.write(tmp_path / "record.json")
    assert type(record).read(tmp_path / "record.json") == record
    assert json.loads((tmp_path / "record.json").read_text())["format"] == type(record).FORMAT


def test_a_candidates_settings_are_typed_and_the_baselines_are_not(tmp_path):
    training_record("swin_t-frozen").write(tmp_path / "a.json")
    record = TrainingRecord.read(tmp_path / "a.json")
    assert isinstance(record.settings, CandidateSettings)
    assert record.backbone == candidate_settings("swin_t")
    assert (record.title, record.environment) == ("swin_t-frozen seed 0", "torch")
    baseline = training_record("baseline_tf", settings={"mode": "frozen", "image_size": 224})
    baseline.write(tmp_path / "b.json")
    found = TrainingRecord.read(tmp_path / "b.json")
    assert found.settings == {"mode": "frozen", "image_size": 224}
    assert (found.title, found.environment) == ("baseline_tf seed 0", "tf")
    with pytest.raises(EvaluationError, match="baseline_tf is a tensorflow training; expected a PyTorch candidate"):
        _ = found.backbone


@pytest.mark.parametrize(
    ("kind", "stage", "error"),
    [
        (TrainingRecord, "train_torch baseline_tf", EvaluationError),
        (CostRecord, "train_torch baseline_tf", EvaluationError),
        (LabelsRecord, "prepare", DataError),
        (AuditRecord, "audit", DataError),
        (ThroughputRecord, "throughput", EvaluationError),
    ],
)
def test_a_missing_record_names_its_stage(kind, stage, error, tmp_path):
    with pytest.raises(error, match=rf"record\.json is missing; run `dvc repro {stage}`\.$"):
        kind.read(tmp_path / "record.json")


def test_a_training_of_an_earlier_version_is_told(tmp_path):
    values = training_record().model_dump(mode="json") | {"train_time_s": 3.0}
    (tmp_path / "training.json").write_text(json.dumps({name: values[name] for name in values if name != "format"}))
    with pytest.raises(EvaluationError, match=r"another version of bakeoff \(format 1, this one reads 3\)"):
        TrainingRecord.read(tmp_path / "training.json")


def test_a_catalogue_that_no_longer_says_how_it_was_packed_is_told(tmp_path):
    values = LabelsRecord(labels=["a"], dataset=dataset()).model_dump(mode="json")
    values["dataset"]["prepare"] = {"store_px": 64}
    (tmp_path / "labels.json").write_text(json.dumps(values))
    with pytest.raises(
        DataError, match=r"labels\.json lacks dataset\.prepare\.max_megapixels; run `dvc repro prepare`"
    ):
        LabelsRecord.read(tmp_path / "labels.json")
    assert PackLimits.model_fields.keys() == {"store_px", "max_megapixels", "min_side_px"}


def test_what_a_network_was_measured_on():
    titles = {("cpu", "AMD EPYC"): "cpu: AMD EPYC", ("cuda:0", "NVIDIA"): "cuda: NVIDIA", ("mps", "MPS"): "mps"}
    for (device, name), title in titles.items():
        assert network_speed(device=device, device_name=name).device_title == title
