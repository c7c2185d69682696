"""The model card: a head that the Hub's own reader accepts, and every limit said where it holds."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.core.errors import EvaluationError
from bakeoff.decision.choice_record import ChoiceRecord
from bakeoff.decision.deployed import deployed_folder, deployed_seed, seed_or_deployed
from bakeoff.records.candidate import Candidate
from bakeoff.records.evaluation import ConfusionsRecord
from bakeoff.report.documents import licence_fields, write_model_card
from bakeoff.report.facts import Facts
from decision.fake_study import LABELS, collected, fake_training, make_study, write_candidate, write_study
from records_made import choice_record

TRAINED = {"epochs_run": 7, "best_epoch": 5, "device_name": "EPYC"}


def choice_of(candidate: str, **changes) -> ChoiceRecord:
    best = {"candidate": candidate, "accuracy": 0.9, "accuracy_low": 0.83, "accuracy_high": 0.94}
    return choice_record(best=best | changes, n_candidates=15, reason="It is the most accurate one.")


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    runs = tmp_path_factory.mktemp("study") / "runs"
    return collected(runs, write_study(runs)).done


def model_card(records, choice, language="en", **params) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "card.md"
        write_model_card(path, Facts(records, [], choice.model_copy(update={"language": language}), params=params))
        return path.read_text(encoding="utf-8")


def one(records, candidate):
    return next(record for record in records if record.candidate.name == candidate)


def test_the_head_is_what_the_hub_reads(records):
    huggingface_hub = pytest.importorskip("huggingface_hub")
    card = huggingface_hub.ModelCard(model_card(records, choice_of("swin_t-finetune")), ignore_metadata_errors=False)
    assert card.data.license == "mit"
    assert (card.data.library_name, card.data.pipeline_tag) == ("pytorch", "image-classification")
    assert card.data.datasets == ["stamps"]
    assert {"image-classification", "bakeoff", "swin_t", "finetune"} <= set(card.data.tags)
    assert card.data.model_name == "swin_t-finetune"
    results = {result.metric_name.split(" (")[0]: result for result in card.data.eval_results}
    record = one(records, "swin_t-finetune")
    accuracy = record.metrics.accuracy("test")
    assert results["Accuracy"].metric_value == round(accuracy, 4)
    assert results["Accuracy"].metric_name.startswith("Accuracy (95% interval 0.")
    assert (results["Accuracy"].dataset_name, results["Accuracy"].dataset_split) == ("stamps", "test")


def test_the_registered_model_is_called_as_the_experiment(records):
    choice = choice_of("swin_t-finetune")
    assert 'load_model("models:/bakeoff@champion")' in model_card(records, choice)
    card = model_card(records, choice, tracking={"experiment": "shop"})
    assert 'load_model("models:/shop@champion")' in card


def test_every_part_is_there_in_both_languages(records):
    choice = choice_of("swin_t-finetune")
    english, french = model_card(records, choice), model_card(records, choice, "fr")
    for title in ("What it is", "Data", "Results on the test products", "Can its probabilities be trusted?", "Speed"):
        assert f"## {title}\n" in english
    for title in ("Ce que c’est", "Données", "Classe par classe", "Limites", "Licence", "Vitesse", "L’utiliser"):
        assert f"## {title}\n" in french
    assert [line.count("|") for line in english.splitlines()] == [line.count("|") for line in french.splitlines()]
    assert english.split("---")[1] == french.split("---")[1]
    test = one(records, "swin_t-finetune").metrics.splits["test"]
    assert f"| accuracy | {test['accuracy']:.3f} | " in english
    assert f"| exactitude | {test['accuracy']:.3f} | ".replace(".", ",") in french
    assert "It is the most accurate one." in english
    assert all(f"| {label} | " in english for label in LABELS)
    assert "bakeoff serve --candidate swin_t-finetune" in english
    assert "key-of-swin_t-finetune" in english


@pytest.mark.parametrize(
    ("name", "asked", "is_logged", "task"),
    [
        ("tfidf-original", '{"title": [title], "description": [description]}', True, "text-classification"),
        (
            "swin_t-frozen+tfidf-original-mean",
            '{"image": [photo_as_base64], "title": [title], "description": [description]}',
            True,
            None,
        ),
        ("baseline_tf+swin_t-frozen-mean", '{"image": [photo_as_base64]}', False, None),
    ],
)
def test_texts_and_pairs_are_asked_by_what_they_read(records, name, asked, is_logged, task):
    known = one(records, "swin_t-finetune")
    training = known.training.model_copy(update={"candidate": name})
    text = model_card([*records, replace(known, candidate=Candidate(name), training=training)], choice_of(name))
    assert (f"model.predict(pd.DataFrame({asked}), params" in text) is is_logged
    assert (f"bakeoff serve --candidate {name}" in text) is is_logged
    assert (f"pipeline_tag: {task}\n" in text) if task else ("pipeline_tag" not in text)
    assert f"bakeoff predict {'photo.jpg' if asked.count(':') == 1 else 'products.csv'} --candidate {name}" in text


def test_a_winner_that_may_not_be_sold_says_so(records):
    text = model_card(records, choice_of("mamba_b-finetune"))
    assert "license: other\nlicense_name: code-nvidia-source-code-license-nc-weights-cc-by-nc-sa-4.0\n" in text
    assert "- non-commercial\n" in text
    assert "- **Commercial use is forbidden** by its licence." in text
    assert "Code or weights may **not** be used commercially." in text
    unknown = model_card(records, choice_of("mobilevitv2-frozen"))
    assert "**Commercial use is not proven**" in unknown
    assert "It is not known whether they may be used commercially." in unknown


def test_random_weights_and_a_small_test_are_limits(tmp_path):
    runs = tmp_path / "runs"
    write_candidate(runs, "swin_t-frozen", pretrained=False, **TRAINED)
    write_candidate(runs, "baseline_tf")
    records = collected(runs, make_study(["swin_t"])).done
    text = model_card(records, choice_of("swin_t-frozen"))
    assert "Starting weights: **random** (hub unreachable)" in text
    assert "7 of at most 60 epochs, best after epoch 5; learning rate 0.003, batches of 16, loss cross entropy" in text
    assert "- **It started from random weights.**" in text
    assert "- random-weights\n" in text
    assert "The test set is small (105 products): the accuracy is known to ± 6 points only." in text


def test_the_classes_it_never_answers_are_named(records):
    folder = one(records, "swin_t-frozen").folder / "evaluation"
    known = ConfusionsRecord.read(folder / "confusions.json")
    known.model_copy(update={"never_predicted": [1, 3]}).write(folder / "confusions.json")
    text = model_card(records, choice_of("swin_t-frozen"))
    assert f"It never answers {LABELS[1]} and {LABELS[3]} on the test products." in text


def test_the_card_of_several_seeds_is_that_of_the_best_on_validation(tmp_path):
    runs = tmp_path / "runs"
    for name in ("swin_t-frozen", "baseline_tf"):
        for seed, correct in ((0, 80), (1, 95)):
            folder = write_candidate(runs, name, seed=seed, correct=correct, key=f"of-seed-{seed}")
            metrics = folder / "evaluation" / "metrics.json"
            judged = json.loads(metrics.read_text())
            judged["splits"]["validation"]["accuracy"] = 0.9 if seed == 0 else 0.8
            metrics.write_text(json.dumps(judged), encoding="utf-8")
    records = collected(runs, make_study(["swin_t"], seeds=[0, 1])).done
    text = model_card(records, choice_of("swin_t-frozen"))
    assert "2 trainings with different seeds were made. This one (seed 0) has the best validation accuracy" in text
    assert "of-seed-0" in text
    assert deployed_folder(runs, "swin_t-frozen") == runs / "swin_t-frozen" / "seed_0"
    metrics = runs / "swin_t-frozen" / "seed_1" / "evaluation" / "metrics.json"
    judged = json.loads(metrics.read_text())
    judged["splits"]["validation"]["accuracy"] = 0.95
    metrics.write_text(json.dumps(judged), encoding="utf-8")
    assert [seed_or_deployed(runs, "swin_t-frozen", seed) for seed in (None, 0)] == [1, 0]
    assert seed_or_deployed(runs, "never-evaluated", None) == 0


def test_the_best_seed_is_chosen_on_validation_the_first_of_equals():
    assert deployed_seed({0: 0.8, 1: 0.9, 2: 0.9}) == 1
    assert deployed_seed({0: None, 3: 0.1}) == 3
    with pytest.raises(EvaluationError, match="needs at least one finished training, got none"):
        deployed_seed({})


def test_a_candidate_without_an_evaluation_is_told(tmp_path):
    runs = tmp_path / "runs"
    folder = write_candidate(runs, "swin_t-frozen")
    with pytest.raises(EvaluationError, match=r"mamba_t-frozen has no evaluated training .*; there are: swin_t-frozen"):
        deployed_folder(runs, "mamba_t-frozen")
    (folder / "evaluation" / "metrics.json").write_text("{", encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"metrics.json is not valid JSON"):
        deployed_folder(runs, "swin_t-frozen")


@pytest.mark.parametrize(
    ("code", "weights", "expected"),
    [
        ("Apache-2.0", "apache-2.0", {"license": "other", "license_name": "code-apache-2.0-weights-apache-2.0"}),
        ("Apache-2.0", "Apache-2.0", {"license": "apache-2.0"}),
        ("GPL-2.0-or-later", "GPL-2.0-or-later", {"license": "gpl-2.0"}),
        ("unknown", "unknown", {"license": "unknown"}),
    ],
)
def test_the_licence_is_one_the_hub_knows_or_other(code, weights, expected):
    training = fake_training("x-frozen")
    settings = training.settings.model_copy(update={"licence_code": code})
    known = {"settings": settings, "weights": training.weights.model_copy(update={"licence": weights})}
    assert licence_fields(training.model_copy(update=known)) == expected


def test_nothing_chosen_is_a_sentence_in_the_file():
    text = model_card([], choice_record(reason="None was eligible."))
    assert text == "No candidate was chosen, so there is no model card. None was eligible.\n"
