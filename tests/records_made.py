"""Records of a study that was never run, by the product's own models: small, valid, each field open to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.decision.choice_record import ChoiceRecord
from bakeoff.records.candidate import Candidate
from bakeoff.records.catalogue import AuditRecord, Dataset, Quantiles, RepairRecord, SplitRecord
from bakeoff.records.evaluation import (
    Automation,
    BeforeAfter,
    Calibration,
    CalibrationRecord,
    Coverage,
    MetricsRecord,
    Overfitting,
)
from bakeoff.records.faithfulness import AnswerCurve, FaithfulnessRecord, MethodFaithfulness
from bakeoff.records.interpretation import (
    ExplainedPhoto,
    Explanation,
    InterpretationRecord,
    Lost,
    LostByShuffles,
    PartImportance,
    PartsRecord,
    RobustnessRecord,
    UnderCorruption,
)
from bakeoff.records.recipe import HeadParams
from bakeoff.records.settings import CandidateSettings, Preprocessing
from bakeoff.records.speed import BatchSpeed, EndToEnd, NetworkSpeed, Session, ThroughputRecord
from bakeoff.records.training import CostRecord, TrainingRecord
from bakeoff.records.weights import WeightsRecord
from prepared import PREPARE

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LABELS = ["blue", "green", "red"]


def dataset(**changes: Any) -> Dataset:
    """Return what labels.json says of its data set."""
    values = {
        "name": "stamps",
        "kind": "stamps",
        "licence": "GPL-2.0-or-later",
        "source_url": "https://example.org",
        "fallback_reason": None,
        "digest": "d1",
        "prepare": PREPARE,
    }
    return Dataset.model_validate(values | changes)


def candidate_settings(model: str = "mobilenetv2", **changes: Any) -> CandidateSettings:
    """Return data/candidates/<model>.json."""
    preprocessing = Preprocessing(
        image_size=224,
        crop_pct=0.875,
        crop_mode="center",
        interpolation="bicubic",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    )
    values = {
        "model": model,
        "source": "timm",
        "name": f"{model}_100.ra_in1k",
        "weights_id": f"timm/{model}_100.ra_in1k",
        "licence_code": "Apache-2.0",
        "licence_weights": "Apache-2.0",
        "commercial_use": True,
        "preprocessing": preprocessing,
        "head": HeadParams(hidden=[], batch_norm=False, dropout=0.2),
        "architecture": model.title(),
    }
    return CandidateSettings.model_validate(values | changes)


def weights_record(model: str = "mobilenetv2", *, pretrained: bool = True, **changes: Any) -> WeightsRecord:
    """Return weights/<model>/record.json: from the hub, or a random start because the hub was out of reach."""
    values: dict[str, Any] = {"model": model, "licence": "Apache-2.0", "commercial_use": True if pretrained else None}
    if pretrained:
        values |= {"source": "hub", "file": "model.safetensors", "url_or_id": f"timm/{model}"}
        values |= {"revision": "a1b2c3d4e5f60718", "sha256": "9f" * 32}
    else:
        values |= {"source": "random", "file": None, "url_or_id": None, "revision": None, "sha256": None}
        values |= {"reason": "unreachable"}
    return WeightsRecord.model_validate(values | changes)


def training_record(candidate: str = "mobilenetv2-frozen", **changes: Any) -> TrainingRecord:
    """Return training.json; model, mode and framework follow from the candidate's name, and `baseline_tf` is frozen."""
    named = Candidate(candidate)
    model, mode, on_keras = named.model, named.mode or "frozen", named.is_baseline
    values = {
        "candidate": candidate,
        "model": model,
        "mode": mode,
        "seed": 0,
        "framework": "tensorflow" if on_keras else "pytorch",
        "architecture": "EfficientNet-B0 (Keras)" if on_keras else model.title(),
        "settings": {"mode": mode} if on_keras else candidate_settings(model),
        "training": {
            **{"epochs": 60, "learning_rate": 0.003, "max_steps": None, "batch_size": 16},
            "optimizer": {"name": "adamw", "weight_decay": 0.01},
            "loss": "cross_entropy" if on_keras else {"name": "cross_entropy"},
        },
        "labels": LABELS,
        "dataset": dataset(),
        "splits": "5" * 16,
        "weights": weights_record(model),
        "weights_dir": f"weights/{model}",
        "device": "cpu",
        "device_name": "AMD EPYC 7763",
        "threads": 2,
        "scan": None,
        "loss": "cross_entropy",
        "probabilities": "softmax",
        "versions": {"python": "3.11.2", **({"tensorflow": "2.20.0"} if on_keras else {"torch": "2.13.0"})},
        "key": f"key-of-{candidate}",
        "n_parameters": 2_200_000,
        "n_trainable": 9_000,
        "n_features": 1280,
        "size_mib": 8.4,
        "epochs_run": 4,
        "steps_run": 84,
        "best_epoch": 4,
        "best_validation_accuracy": 0.9,
        "stopped_early": False,
        "learned": True,
        "not_learned": None,
    }
    if on_keras:
        values |= {"score": "logits", "preprocessing": {"image_size": 224, "crop_pct": 0.875}}
    return TrainingRecord.model_validate(values | changes)


def cost_record(**changes: Any) -> CostRecord:
    """Return cost.json."""
    values = {
        "key": "key-of-mobilenetv2-frozen",
        "git_commit": COMMIT,
        "started_at": "2026-11-21T09:00:00Z",
        "ended_at": "2026-11-21T09:00:43Z",
        "train_time_s": 42.0,
        "feature_time_s": 9.5,
        "predict_time_s": 0.5,
        "train_memory_mib": 1400.0,
        "train_resident_mib": 1500.0,
    }
    return CostRecord.model_validate(values | changes)


def parts_record(drops: Mapping[str, float] | None = None, **changes: Any) -> PartsRecord:
    """Return parts.json of one shuffle; `drops` is the accuracy lost by colour channel."""
    channels = {
        name: PartImportance(accuracy=_shuffled(drop), macro_f1=_shuffled(drop), classes={})
        for name, drop in (drops or {"red": 0.25, "green": 0.25, "blue": 0.25}).items()
    }
    values = {"key": "f" * 16, "training_key": "key-of-mobilenetv2-frozen", "n": 42, "repeats": 1}
    values |= {"accuracy": 0.75, "macro_f1": 0.7, "parts": {"rgb": channels}, "note": None}
    return PartsRecord.model_validate(values | changes)


def _shuffled(drop: float) -> LostByShuffles:
    return LostByShuffles(mean=drop, low=drop - 0.02, high=drop + 0.02, sd=0.0)


def robustness_record(drops: Mapping[str, float] | None = None, **changes: Any) -> RobustnessRecord:
    """Return robustness.json of one strength; `drops` is the accuracy lost by corruption."""
    lost = drops or {"noise": 0.3, "blur": 0.1}
    corruptions = {
        name: [UnderCorruption(strength=3, accuracy=0.75 - drop, lost=_lost(drop))] for name, drop in lost.items()
    }
    values = {"key": "f" * 16, "training_key": "key-of-mobilenetv2-frozen", "n": 42, "accuracy": 0.75}
    values |= {"corruptions": corruptions, "mean_lost": _lost(sum(lost.values()) / len(lost))}
    return RobustnessRecord.model_validate(values | changes)


def _lost(drop: float) -> Lost:
    return Lost(mean=drop, low=drop - 0.02, high=drop + 0.02)


def explained_photo(product_id: str = "p0", **changes: Any) -> ExplainedPhoto:
    """Return what interpretation.json says of one photo, of food, that was classified rightly and is shared by all."""
    values = {"product_id": product_id, "kind": "shared", "true": "food", "predicted": "food", "correct": True}
    values |= {"probabilities": {"food": 0.9, "plants": 0.08}, "counter": "plants", "box": None}
    values |= {"photo": f"maps/{product_id}.png", "figure": f"attributions/{product_id}.png"}
    return ExplainedPhoto.model_validate(values | changes)


def explanation(product_id: str = "p0", method: str = "occlusion", **changes: Any) -> Explanation:
    """Return what interpretation.json says of one method's map of food in one photo."""
    values = {"product_id": product_id, "method": method, "target": "food", "note": None, "completeness_gap": None}
    return Explanation.model_validate(values | {"map": f"maps/{product_id}.{method}.2.npz"} | changes)


def interpretation_record(
    photos: Sequence[ExplainedPhoto] = (), items: Sequence[Explanation] = (), **changes: Any
) -> InterpretationRecord:
    """Return interpretation.json of these photos and maps."""
    values = {"key": "f" * 16, "training_key": "key-of-mobilenetv2-frozen", "score": "logit", "notes": []}
    return InterpretationRecord.model_validate(values | {"photos": list(photos), "items": list(items)} | changes)


def network_speed(*, latency_ms: float = 20.0, **changes: Any) -> NetworkSpeed:
    """Return one network's speed, all of it in proportion to its latency at batch 1; 32 photos at once are fastest."""
    images_per_s = 1400 / latency_ms
    values = {
        "framework": "pytorch",
        "runtime": "eager",
        "device": "cpu",
        "device_name": "AMD EPYC 7763",
        "threads": 2,
        "dtype": "float32",
        "memory_format": "channels_last",
        "allocator": "glibc",
        "versions": {"torch": "2.13.0"},
        "scan": None,
        "n_parameters": 2_200_000,
        "file_mib": 8.6,
        "gmacs": latency_ms / 25,
        "gmacs_method": "torch.utils.flop_counter",
        "images_per_s": images_per_s,
        "images_per_s_low": 0.97 * images_per_s,
        "images_per_s_high": 1.03 * images_per_s,
        "ms_per_image": 1000 / images_per_s,
        "images_per_cpu_s": images_per_s / 2,
        "batch_size": 32,
        "n_calls": 20,
        "latency_ms_p50": latency_ms,
        "latency_ms_p50_low": 0.98 * latency_ms,
        "latency_ms_p50_high": 1.04 * latency_ms,
        "latency_ms_p90": 1.1 * latency_ms,
        "latency_ms_p99": 1.3 * latency_ms,
        "latency_ms_slowest": 1.5 * latency_ms,
        "n_latency": 200,
        "sweep": [_batch(1, 0.72 * images_per_s), _batch(8, 0.9 * images_per_s), _batch(32, images_per_s), _skipped()],
        "end_to_end": _end_to_end(images_per_s),
        "predict_memory_mib": 400 + 6 * latency_ms,
        "predict_memory_scope": "measurement",
        "drift": 0.01,
        "disagreement": 0.1,
        "noisy": False,
        "n_rounds": 3,
        "seconds": 12.5,
    }
    return NetworkSpeed.model_validate(values | changes)


def throughput_record(
    networks: Mapping[str, NetworkSpeed] | None = None, *, failed: Mapping[str, str] | None = None
) -> ThroughputRecord:
    """Return measurements/throughput.json of these networks; `mobilenetv2` alone where none are given."""
    session = Session(
        started_at="2026-11-21T11:00:00Z",
        ended_at="2026-11-21T11:05:00Z",
        rounds=3,
        budget_s=15.0,
        load_average=0.2,
    )
    known = {"mobilenetv2": network_speed()} if networks is None else dict(networks)
    return ThroughputRecord(session=session, networks=known, failed=dict(failed or {}))


def _batch(size: int, images_per_s: float) -> BatchSpeed:
    return BatchSpeed(
        batch_size=size,
        images_per_s=images_per_s,
        images_per_cpu_s=images_per_s / 2,
        n_calls=20,
        predict_memory_mib=400.0 + size,
        skipped=None,
    )


def _skipped() -> BatchSpeed:
    return BatchSpeed(
        batch_size=128, images_per_s=None, images_per_cpu_s=None, n_calls=0, predict_memory_mib=None, skipped="budget"
    )


def _end_to_end(images_per_s: float) -> EndToEnd:
    return EndToEnd(
        batch_size=32,
        n_images=105,
        images_per_s=0.8 * images_per_s,
        images_per_cpu_s=0.4 * images_per_s,
        ms_per_image=1000 / (0.8 * images_per_s),
        decode_ms=4.1,
        preprocess_ms=3.2,
        forward_ms=1000 / images_per_s,
    )


def metrics_record(
    training: TrainingRecord, *, validation: float = 0.5, test: float = 0.5, **changes: Any
) -> MetricsRecord:
    """Return the metrics.json of a training, of its accuracies alone."""
    values = {
        **training.model_dump(include={"candidate", "model", "mode", "seed", "probabilities"}),
        "key": "e" * 16,
        "training_key": training.key,
        "training_loss_name": training.loss,
        "splits": {
            name: {"n": 4, "accuracy": accuracy, "log_loss": 1.0}
            for name, accuracy in (("train", 1.0), ("validation", validation), ("test", test))
        },
        "n_effective": 4.0,
        "intervals": {"test": {}},
        "overfitting": Overfitting(
            accuracy_gap=1 - test, log_loss_gap=0.1, overfits=False, max_gap=0.1, rule="train - test > 0.1"
        ),
        "per_class": {},
    }
    return MetricsRecord.model_validate(values | changes)


def calibration_record(*, temperature: float = 1.7, **changes: Any) -> CalibrationRecord:
    """Return a calibration.json whose coverage table has one row, of the threshold 0.8."""
    side = Calibration(
        ece_equal_width=0.1,
        ece_equal_mass=0.1,
        ece_low=0.05,
        ece_high=0.2,
        method="bootstrap_stratified",
        n_resamples=100,
        log_loss=0.7,
        brier=0.3,
        reliability=[],
    )
    known = {"accuracy": 0.9, "accuracy_low": 0.5, "accuracy_high": 1.0}
    values = {
        "key": "e" * 16,
        "temperature": temperature,
        "fitted_on": "validation",
        "n_validation": 4,
        "bins": 15,
        "test": BeforeAfter(before=side, after=side),
        "coverage": [Coverage(threshold=0.8, coverage=0.5, n=3, **known)],
        "automation": Automation(
            **{"promised": 0.9, "threshold": 0.7, "share": 0.6, "share_low": 0.4, "share_high": 0.8},
            **{"n": 4, "precision": 0.75, "precision_low": 0.3, "precision_high": 0.95},
        ),
        "warning": None,
    }
    return CalibrationRecord.model_validate(values | changes)


def split_record(**changes: Any) -> SplitRecord:
    """Return a split.json of five products in a holdout."""
    values = {
        "method": "holdout",
        "seed": 0,
        "fold": None,
        "n_folds": None,
        "counts": {"train": {"a": 2, "b": 1}, "validation": {"a": 1, "b": 0}, "test": {"a": 0, "b": 1}},
        "n_unused": 0,
        "n_leaks": 0,
        "n_moved_from_official_split": 0,
        "digest": "0123456789abcdef",
        "inputs": "i",
        "repair": None,
    }
    return SplitRecord.model_validate(values | changes)


def repair_record() -> RepairRecord:
    """Return what a repair called `mine` did to three photos and two products."""
    limits = dict.fromkeys(("crop_border", "dominance_above", "equalise_below", "sharpen_below", "reject_below"), 0.5)
    before = {"sharpness": 2.0, "saturation": 0.5, "red_dominance": 1 / 3, "brightness": 0.75}
    ground = {"background_r": 200.0, "background_g": 20.0, "background_b": 21.6}
    splits = {name: {"n": 4, "n_repaired": 1, "before": before, "after": before} for name in ("train", "test")}
    splits["train"] |= {"before": before | ground, "after": before | ground | {"sharpness": 3.0, "background_r": 190.0}}
    known = {"name": "mine", "splits": ["train", "test"], "saturation": -0.15}
    counts = {"steps": {"crop": 2, "sharpen": 1}, "dropped": {"near_duplicate": 2}}
    return RepairRecord.model_validate({"repair": known | limits, **counts, "splits": splits})


def audit_record(**changes: Any) -> AuditRecord:
    """Return an audit.json of three products, one of them rejected."""
    quantiles = Quantiles(min=1.0, p25=2.0, median=3.0, p75=4.0, max=5.0)
    values = {
        "dataset": dataset(),
        "texts_digest": "t",
        "n_read": 3,
        "n_accepted": 2,
        "n_rejected": 1,
        "rejected": {"truncated": 1},
        "rejected_per_class": {"a": 1},
        "per_class": {"b": 1, "a": 1},
        "n_groups": 2,
        "largest_groups": [],
        "formats": {"PNG": 2},
        "modes": {"RGB": 2},
        "width_px": quantiles,
        "height_px": quantiles,
        "n_with_title": 1,
        "n_with_description": 0,
        "languages": {"en": 1},
        "findings": {"blurred": {"n": 1, "threshold": 1.5}, "dark": {"n": 0, "threshold": 0.2}},
    }
    return AuditRecord.model_validate(values | changes)


def choice_record(**changes: Any) -> ChoiceRecord:
    """Return a choice.json in which nothing was chosen and nobody compared."""
    values: dict[str, Any] = {
        "language": "en",
        "rule": {"maximise": "accuracy", "subject_to": {}, "in_words": "maximise accuracy, without limits"},
        "limits": {"allow_random_weights": False, "allow_not_learned": False},
        "inputs": {
            **{"runs_dir": "runs", "models": ["tiny"], "modes": ["frozen"], "seeds": [0], "choices": []},
            **{"partial": False, "device": "cpu: AMD EPYC 7763", "keys": {}},
        },
        "stability": {"n_resamples": 0, "shares": {}, "winner_share": None, "sentence": ""},
        "corrected": {},
        "matrix": {"criteria": [], "rows": [], "note": ""},
        "seeds": {},
        "compares_backbones": True,
    }
    values |= dict.fromkeys(("n_candidates", "n_failed", "n_random", "n_test"), 0)
    values |= dict.fromkeys(("best", "best_commercial", "noise"))
    texts = ("limits_in_words", "reason", "opening", "best_reason", "best_commercial_reason", "groups_sentence")
    values |= dict.fromkeys(texts, "")
    tables = ("comparisons", "indistinguishable", "scenarios", "apart", "eligible", "refused", "refused_commercially")
    values |= {name: [] for name in (*tables, "failed", "notes", "references")}
    return ChoiceRecord.model_validate(values | changes)


def method_faithfulness(trust: str = "yes", *, gain: float = 0.12, **changes: Any) -> MethodFaithfulness:
    """Return what faithfulness.json says of one method whose gains are `gain`."""
    curve = AnswerCurve(probabilities=[1, 0.5], area=0.4, gain=gain, gain_low=gain - 0.05, gain_high=gain + 0.05)
    values = {"title": "Grad <CAM>", "n": 24, "deletion": curve, "insertion": curve, "pointing": None}
    values |= {"infidelity": 0.31, "sensitivity": None, "same_when_random": 0.07}
    return MethodFaithfulness.model_validate(values | {"trust": trust, "sentence": f"it is {trust}."} | changes)


def faithfulness_record(methods: Mapping[str, MethodFaithfulness], **changes: Any) -> FaithfulnessRecord:
    """Return faithfulness.json; attention rollout cannot be had."""
    curves = {"random_deletion": [1, 0.5], "random_insertion": [0.5, 1]}
    values = {"key": "k", "training_key": "t", "product_ids": ["p"], "refused": {"rollout": "it does not attend."}}
    return FaithfulnessRecord.model_validate(values | curves | {"methods": dict(methods)} | changes)
