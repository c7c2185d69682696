"""A whole comparison for the report, at any number of classes: evaluated candidates, summaries and a choice."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw

from bakeoff.core.translation import Translator
from bakeoff.decision.choice import as_record
from bakeoff.decision.choice_record import ChoiceRecord, Corrected, CorrectedValue
from bakeoff.decision.collect import Evaluated
from bakeoff.decision.comparisons import pair_sentence
from bakeoff.decision.leaderboard import build_leaderboard
from bakeoff.decision.measures import MEASURES
from bakeoff.decision.params import Limits
from bakeoff.decision.rules import Rule
from bakeoff.decision.sentences import answer_sentence, limits_in_words, rule_in_words, scenario_title
from bakeoff.decision.summary import summarise
from bakeoff.records.candidate import BASELINE, Candidate
from decision.fake_study import CORRECT, LABELS, MODELS, collected, make_study, write_candidate, write_history
from records_made import audit_record, choice_record

if TYPE_CHECKING:
    from bakeoff.report.facts import Facts

_WORDS = ("Livre", "Console", "Figurine", "Carte", "Jouet", "Mobilier", "Piscine", "Cuisine", "Bricolage", "Revue")
AUDIT = audit_record(
    n_read=1105,
    n_accepted=1050,
    n_rejected=55,
    rejected={"duplicate_image": 51, "truncated": 4},
    n_groups=1031,
    width_px={"min": 20.0, "p25": 120.0, "median": 193.0, "p75": 320.0, "max": 1226.0},
    height_px={"min": 22.0, "p25": 101.0, "median": 153.0, "p75": 312.0, "max": 2348.0},
)


def class_names(n_labels: int) -> list[str]:
    """Return the stamps' seven classes, or as many invented ones."""
    if n_labels == len(LABELS):
        return LABELS
    return [f"{_WORDS[i % len(_WORDS)]} {i // len(_WORDS) + 1:02d} catégorie" for i in range(n_labels)]


def write_findings(
    root: Path, *, n_labels: int = 7, per_class: int = 15, language: str = "en", partial: bool = False
) -> Facts:
    """Write the default study's evidence under root/runs and return what `write_report` takes.

    Args:
        root: a folder.
        n_labels: number of classes.
        per_class: test photos of each class.
        language: of the choice.
        partial: leave out the audit, curves, speed, comparisons and the matrix.
    """
    from bakeoff.report.facts import Facts

    labels, names = class_names(n_labels), _candidates(n_labels)
    per_class_all = {name: 10 * per_class + i for i, name in enumerate(labels)}
    audit = None if partial else AUDIT.model_copy(update={"per_class": per_class_all})
    for name, share in names.items():
        _write_one(root / "runs", name, share, labels, per_class=per_class)
    models = {Candidate(name).model: None for name in names if name != BASELINE}
    found = collected(root / "runs", make_study([*models, "gone"], ["frozen", "finetune"]), partial=True)
    done, summaries = found.done, summarise(build_leaderboard(found))
    if partial:
        done = [_without_much(one) for one in done]
    choice = fake_choice(summaries, language)
    if partial:
        bare = {"comparisons": [], "matrix": {"criteria": [], "rows": [], "note": ""}, "references": [], "seeds": {}}
        choice = choice.model_copy(update=bare)
    return Facts(done, summaries, choice, audit)


def _candidates(n_labels: int) -> dict[str, float]:
    """Return the share that each candidate gets right; of many classes, whose evaluation is long, only five."""
    named = {BASELINE: 92}
    for model, (frozen, finetune) in CORRECT.items():
        named |= {f"{model}-frozen": frozen, f"{model}-finetune": finetune}
    few = (BASELINE, "mobilenetv2-frozen", "swin_t-finetune", "mamba_b-frozen", "mamba_b-finetune")
    return {name: right / 105 for name, right in named.items() if n_labels <= 100 or name in few}


def _write_one(runs: Path, name: str, share: float, labels: list[str], *, per_class: int) -> None:
    """Write one candidate, the pictures of its pairs too; mobilenetv2 never predicts the last class."""
    model, mode = Candidate(name).model, Candidate(name).mode
    n_test = per_class * len(labels)
    folder = write_candidate(
        runs,
        name,
        correct=round(share * n_test),
        n_test=n_test,
        latency_ms=MODELS[model][4] if model in MODELS else 31.0,
        avoided=len(labels) - 1 if model == "mobilenetv2" else None,
        speed={"noisy": model == "swin_t"},
        labels=labels,
        pretrained=model != "mamba_t",
        best_epoch=9,
        stopped_early=mode == "frozen",
    )
    write_history(folder, last=share, n_epochs=30 if mode == "frozen" else 2)
    (folder / "training" / "figures").mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(folder / "training" / "figures" / "preview.png")
    confusions = json.loads((folder / "evaluation" / "confusions.json").read_text(encoding="utf-8"))
    for place, pair in enumerate(confusions["pairs"]):
        _draw_pair(folder / "evaluation" / pair["picture"], place)


def _without_much(one: Evaluated) -> Evaluated:
    """Return a training whose curves are gone and whose network was not measured."""
    (one.folder / "training" / "history.csv").unlink()
    return dataclasses.replace(one, speed=None)


def _draw_pair(path: Path, place: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", (480, 240), (250, 250, 248))
    pen = ImageDraw.Draw(picture)
    for k in range(6):
        x, y = 160 * (k % 3) + 20, 120 * (k // 3) + 15
        colour = ((70 * place + 40 * k) % 255, (90 + 35 * k) % 255, (150 + 25 * place) % 255)
        pen.ellipse((x, y, x + 110, y + 90), fill=colour)
    picture.save(path)


def fake_choice(summaries: list[Any], language: str) -> ChoiceRecord:
    """Return choice.json with every part that the report shows, its sentences the product's."""
    t, rule = Translator(language), Rule(MEASURES["accuracy"], Limits())
    fit = [item for item in summaries if item.pretrained]
    best, commercial = fit[0], next(item for item in fit if item.commercial_use)
    names = [item.candidate for item in summaries]
    criteria = ("accuracy", "cpu_time", "memory", "feature_size", "support")
    return choice_record(
        language=language,
        limits_in_words=limits_in_words(Limits(), t=t),
        n_candidates=len(summaries) + 1,
        n_failed=1,
        n_test=best.n_test,
        best=as_record(best),
        best_reason=answer_sentence(fit, rule, t=t),
        best_commercial=as_record(commercial),
        best_commercial_reason=answer_sentence([commercial], rule, t=t, commercial=True),
        rule={"maximise": "accuracy", "subject_to": {}, "in_words": rule_in_words(rule, t=t)},
        comparisons=[row for item in summaries for row in _comparisons(item, best, summaries, t)],
        indistinguishable=[names[0:5], names[3:9]],
        groups_sentence=f"{t.join(names[:5])}: cannot be told apart.",
        stability={
            "n_resamples": 10000,
            "shares": {best.candidate: 0.61},
            "winner_share": 0.61,
            "sentence": f"{best.candidate} would be chosen again in about 60% of cases, {names[1]} in 20%.",
        },
        corrected={best.candidate: corrected_of(best)},
        scenarios=[
            {"name": name, "title": scenario_title(name, t), "subject_to": {}, "candidate": found}
            | {"accuracy": found and 0.92, "limits_in_words": limits_in_words(Limits(), t=t)}
            | {"sentence": f"{name}: none of 15 candidates."}
            for name, found in (("phone", "mobilevitv2-finetune"), ("checkout_camera", None))
        ],
        matrix={
            "criteria": [{"name": name, "title": name, "weight": 20, "measure": name} for name in criteria],
            "rows": [
                {
                    "candidate": name,
                    "scores": {key: (7 * i + 3 * j) % 10 for j, key in enumerate(criteria)},
                    "total": 8 - i / 4,
                }
                for i, name in enumerate(names)
            ],
            "note": "",
        },
        apart=[
            {"candidate": item.candidate, "reason_code": "random_weights", "reason": "it started from random weights"}
            for item in summaries
            if not item.pretrained
        ],
        references=[
            {
                "name": "Rakuten image baseline",
                "model": None,
                "measure": "weighted_f1",
                "value": 0.5534,
                "split": "their test",
            }
            | {"source_url": "https://example.org/35", "kind": "published"},
            {"name": "swin_t", "model": "swin_t", "measure": "imagenet_top1", "value": 0.8138, "split": "ImageNet"}
            | {"source_url": "https://example.org/swin", "kind": "published"},
        ],
        seeds={best.candidate: {"n_seeds": 3, "mean": best.accuracy, "sd_seeds": 0.011, "sd_data": 0.021}},
        failed=[{"candidate": "gone-frozen", "seed": 0, "problem": "runs/gone-frozen is missing"}],
    )


def corrected_of(best: Any) -> Corrected:
    """Return a winner's figures a point below what was measured."""
    values = {
        name: CorrectedValue(measured=value, estimate=value - 0.01, low=value - 0.1, high=value + 0.05)
        for name, value in (("accuracy", best.accuracy), ("macro_f1", best.macro_f1), ("lead", 0.05))
    }
    return Corrected(n_resamples=10_000, sentence=f"Expect {best.accuracy - 0.01:.3f}.", **values)


def _comparisons(item: Any, best: Any, summaries: list[Any], t: Translator) -> list[dict[str, Any]]:
    baseline = next(other for other in summaries if other.candidate == "baseline_tf")
    rows = []
    for role, other in (("best", best), ("baseline", baseline)):
        if other.candidate == item.candidate:
            continue
        points = 100 * (item.accuracy - other.accuracy)
        verdict = "undecided" if abs(points) < 5 else "better" if points > 0 else "worse"
        row = {"candidate": item.candidate, "against": other.candidate, "role": role, "n": item.n_test, "b": 4, "c": 9}
        row |= {"difference_points": points, "low_points": points - 4.2, "high_points": points + 4.4}
        row |= {
            "macro_f1_difference": points / 100,
            "macro_f1_low": -0.1,
            "macro_f1_high": 0.1,
            "test": "mcnemar_exact",
        }
        row |= {
            "p_value": 0.021 if verdict != "undecided" else 0.34,
            "p_holm": 0.042 if verdict != "undecided" else 0.68,
            "verdict": verdict,
        }
        row |= {"n_right": 80, "n_needed": (90, 900) if verdict == "undecided" else None}
        rows.append(row | {"sentence": pair_sentence(row, t)})
    return rows
