"""The winner in a real registry: champion and previous, once each, and what is said where there is no winner."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tracking_files import write_candidate, write_evaluation, write_reports

from bakeoff.core.errors import EvaluationError, ParamsError
from bakeoff.core.section import validate_section
from bakeoff.decision.choice_record import Corrected, CorrectedValue
from bakeoff.tracking import runs as names
from bakeoff.tracking.experiments import log_comparison
from bakeoff.tracking.mirror import replay
from bakeoff.tracking.params import TrackingParams
from bakeoff.tracking.rebuild import sync
from bakeoff.tracking.registry import description_of, find_version, register_winner, update_registry
from bakeoff.tracking.store import open_client
from records_made import choice_record

CARD = "---\nlicense: apache-2.0\n---\n# tiny-frozen\n\nIt is small.\n"


def log_training(project, params, *, candidate="tiny-frozen", seed=0, validation=0.75, key="a" * 16) -> str:
    """Mirror a training made by hand and give its run a logged model that is an empty folder."""
    folder = write_candidate(project / "runs" / candidate / f"seed_{seed}", candidate=candidate, seed=seed, key=key)
    write_evaluation(folder, key=f"{key[:8]}evaluated", training_key=key, validation=validation)
    (folder / "interpretation" / "interpretation.json").unlink()
    run_id = replay(folder, params=params)
    client, _ = open_client()
    run = client.get_run(run_id)
    logged = client.create_logged_model(run.info.experiment_id, name="m", source_run_id=run_id)
    client.set_tag(run_id, names.MODEL, logged.model_id)
    return run_id


def write_choice(project: Path, candidate: str, *keys: str, **changes) -> Path:
    reports = write_reports(project / "reports")
    best = {"candidate": candidate, "accuracy": 0.75, "accuracy_low": 0.301, "accuracy_high": 0.954, "n_test": 4}
    best |= {"keys": list(keys), "licence": "Apache-2.0", "commercial_use": True, "pretrained": True}
    best |= {"n_seeds": len(keys)} | changes
    value = CorrectedValue(measured=0.75, estimate=0.71234, low=0.2, high=0.91)
    found = Corrected(n_resamples=100, accuracy=value, macro_f1=value, lead=None, sentence="")
    choice_record(best=best, corrected={candidate: found}).write(reports / "choice.json")
    (reports / "model_card.md").write_text(CARD, encoding="utf-8")
    return reports


def state() -> dict:
    client, _ = open_client()
    versions = {str(one.version): one.tags["candidate"] for one in client.search_model_versions("name = 'bakeoff'")}
    aliases = client.get_registered_model("bakeoff").aliases
    return {"versions": versions, "aliases": {name: str(version) for name, version in aliases.items()}}


def test_the_winner_is_registered_once_with_card_tags_and_alias(project, tracking_params, capsys):
    run_id = log_training(project, tracking_params)
    reports = write_choice(project, "tiny-frozen", "a" * 16)
    assert log_comparison(reports, reports.parent / "runs", tracking_params)
    assert "MLflow registry: bakeoff version 1 (tiny-frozen) is champion." in capsys.readouterr().out
    log_comparison(reports, reports.parent / "runs", tracking_params)
    assert state() == {"versions": {"1": "tiny-frozen"}, "aliases": {"champion": "1"}}
    client, _ = open_client()
    version = find_version(client, "bakeoff")
    model_id = client.get_run(run_id).data.tags[names.MODEL]
    location = client.get_logged_model(model_id).artifact_location
    assert (version.run_id, version.source) == (run_id, location)
    assert version.description == "# tiny-frozen\n\nIt is small."
    expected = {"candidate": "tiny-frozen", "training_key": "a" * 16, "licence": "Apache-2.0", "seed": "0"}
    expected |= {"commercial_use": "yes", "pretrained": "yes", "accuracy": "0.7500", "framework": "pytorch"}
    expected |= {"accuracy_interval_95": "0.301 to 0.954", "n_test": "4"}
    expected |= {"accuracy_corrected": "0.7123", "accuracy_corrected_interval_95": "0.200 to 0.910"}
    assert expected.items() <= version.tags.items()
    assert version.tags["key"] == client.get_run(run_id).data.tags[names.KEY]
    assert (Path(location.removeprefix("file://")) / "README.md").read_text(encoding="utf-8") == CARD


@pytest.mark.parametrize("experiment", ["50% off", "run #1", "été", "l'été; #2"])
def test_any_name_and_any_checkout_hold_artifacts_and_a_champion(
    experiment, project, made_database, tracking_params, monkeypatch
):
    from mlflow.artifacts import download_artifacts

    checkout = project / "my shop #1 (100%) été"
    (checkout / "mlruns").mkdir(parents=True)
    shutil.copyfile(made_database, checkout / "mlruns" / "mlflow.db")
    monkeypatch.setenv("BAKEOFF_ROOT", str(checkout))
    params = tracking_params.model_copy(update={"experiment": experiment})
    run_id = log_training(checkout, params)
    log_comparison(write_choice(checkout, "tiny-frozen", "a" * 16), checkout / "runs", params)
    client, store = open_client()
    assert client.list_artifacts(run_id, "evaluation")
    assert [path.name for path in sorted((checkout / "mlruns" / "artifacts").iterdir())] == sorted(
        [experiment, f"{experiment}-comparison"]
    )
    assert find_version(client, experiment).run_id == run_id
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    folder = download_artifacts(f"models:/{experiment}@champion", dst_path=str(project / "got"))
    assert (Path(folder) / "README.md").read_text(encoding="utf-8") == CARD
    assert update_registry(checkout / "reports", params).startswith(f"{experiment} version 1 (")


@pytest.mark.parametrize("experiment", ["team/bakeoff", "shop: 2026", "", " x", "..", "a@b", "what?", 'a"b', "a\nb"])
def test_a_name_that_no_registered_model_can_have_is_refused_with_the_parameters(experiment, tracking_params):
    given = tracking_params.model_dump() | {"experiment": experiment}
    with pytest.raises(
        ParamsError, match=r"params\.yaml: experiment: .* cannot name a model in MLflow's registry: give"
    ):
        validate_section(TrackingParams, given, where="params.yaml")


@pytest.mark.slow
def test_the_champion_before_is_previous_and_comes_back(project, tracking_params):
    log_training(project, tracking_params)
    log_training(project, tracking_params, candidate="other-frozen", key="2" * 16)
    for candidate, key, aliases in (
        ("tiny-frozen", "a" * 16, {"champion": "1"}),
        ("other-frozen", "2" * 16, {"champion": "2", "previous": "1"}),
        ("other-frozen", "2" * 16, {"champion": "2", "previous": "1"}),
        ("tiny-frozen", "a" * 16, {"champion": "1", "previous": "2"}),
    ):
        done = update_registry(write_choice(project, candidate, key), tracking_params)
        assert state()["aliases"] == aliases
        assert f"version {aliases['champion']} " in done
    assert state()["versions"] == {"1": "tiny-frozen", "2": "other-frozen"}
    assert "version 2 is previous" in done


@pytest.mark.slow
def test_of_several_seeds_the_best_on_validation_is_registered(project, tracking_params):
    log_training(project, tracking_params, seed=0, validation=0.6, key="a" * 16)
    best = log_training(project, tracking_params, seed=1, validation=0.9, key="c" * 16)
    log_training(project, tracking_params, seed=2, validation=0.99, key="e" * 16)  # not in this choice
    done = update_registry(write_choice(project, "tiny-frozen", "a" * 16, "c" * 16), tracking_params)
    assert done == "bakeoff version 1 (tiny-frozen, seed 1, the best of 2 on validation) is champion."
    assert find_version(open_client()[0], "bakeoff").run_id == best


@pytest.mark.slow
def test_a_new_card_and_new_figures_change_the_version_in_place(project, tracking_params):
    log_training(project, tracking_params)
    update_registry(write_choice(project, "tiny-frozen", "a" * 16), tracking_params)
    reports = write_choice(project, "tiny-frozen", "a" * 16, accuracy=0.5, commercial_use=False, pretrained=False)
    (reports / "model_card.md").write_text("# other card\n", encoding="utf-8")
    update_registry(reports, tracking_params)
    version = find_version(open_client()[0], "bakeoff")
    assert (str(version.version), version.description, version.tags["accuracy"]) == ("1", "# other card", "0.5000")
    assert (version.tags["commercial_use"], version.tags["pretrained"]) == ("no", "no")


@pytest.mark.slow
def test_nothing_chosen_leaves_the_champion(project, tracking_params):
    reports = project / "reports"
    assert update_registry(reports, tracking_params) is None
    choice_record().write(reports / "choice.json")
    assert update_registry(reports, tracking_params) == "no candidate was chosen, so nothing is registered."
    log_training(project, tracking_params)
    update_registry(write_choice(project, "tiny-frozen", "a" * 16), tracking_params)
    choice_record().write(reports / "choice.json")
    done = update_registry(reports, tracking_params)
    assert done.endswith("nothing is registered; version 1 (tiny-frozen) stays champion.")
    assert state()["aliases"] == {"champion": "1"}


def test_a_choice_that_cannot_be_read_is_told(project, tracking_params):
    (write_reports(project / "reports") / "choice.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"choice.json does not hold what it should: .*; run `dvc repro compare`"):
        update_registry(project / "reports", tracking_params)


def test_a_winner_without_a_logged_model_is_told(project, tracking_params):
    replay(write_candidate(project / "runs" / "tiny-frozen" / "seed_0"), params=tracking_params)
    done = update_registry(write_choice(project, "tiny-frozen", "a" * 16), tracking_params)
    assert "tiny-frozen has no logged model in this store (tracking.log_models: true" in done
    done = update_registry(write_choice(project, "baseline_tf+tiny-frozen-mean", "a" * 16), tracking_params)
    assert "(a pair with the TensorFlow baseline, which has an environment of its own, is not logged)" in done


@pytest.mark.slow
def test_sync_registers_in_a_new_store(project, tracking_params):
    log_training(project, tracking_params)
    report = sync(project / "runs", write_choice(project, "tiny-frozen", "a" * 16), tracking_params)
    assert "Model Registry: bakeoff version 1 (tiny-frozen) is champion." in str(report)


@pytest.mark.survives
def test_a_failing_registry_costs_one_warning(project, tracking_params, monkeypatch, capsys):
    log_training(project, tracking_params)
    reports = write_choice(project, "tiny-frozen", "a" * 16)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    register_winner(reports, tracking_params)
    told = capsys.readouterr()
    assert told.out == ""
    assert len([line for line in told.err.strip().splitlines() if "did not take the champion" in line]) == 1
    assert log_comparison(reports, reports.parent / "runs", tracking_params) is None
    assert capsys.readouterr().err.count("bakeoff: warning:") == 1


def test_the_description_is_the_card_without_its_head_within_the_limit():
    assert description_of(CARD) == "# tiny-frozen\n\nIt is small."
    long = description_of("---\na: b\n---\n" + "a line of the card\n" * 400)
    assert len(long) <= 5000
    assert long.endswith("a line of the card\n\n… (README.md beside the model has the whole card)")
