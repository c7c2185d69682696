"""A user's file that is replaced under the same name: `bakeoff weights --retry` forces its stage, and only it."""

import json

import numpy as np
import pytest

from stages.project import TINY, Project

pytestmark = [pytest.mark.torch, pytest.mark.slow]
MODELS = ["test_resnet.r160_in1k", "test_vit2"]
STAGES = ["weights_baseline", *(f"weights@{model}" for model in MODELS)]


def record(project, model):
    return json.loads((project.folder / "weights" / model / "record.json").read_text())


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Weights of two candidates and of the baseline from a folder of the user's, stored by a plain `dvc repro`."""
    from safetensors.torch import save_file

    from bakeoff.backbones.compat import import_timm

    project = Project.create(tmp_path_factory.mktemp("user_weights"))
    mine = project.folder / "checkpoints"
    mine.mkdir()
    for model in MODELS:
        save_file(import_timm().create_model(model).state_dict(), mine / f"{model}.safetensors")
    (project.folder / "shop.keras").write_bytes(b"the shop's model")
    (project.folder / "classes.txt").write_text("a\nb\n")
    choices = ["weights.folder=checkpoints", "baseline.mode=as_is", "baseline.weights_file=shop.keras"]
    project.bakeoff("params", *TINY, f"models={MODELS}".replace("'", ""), *choices, "baseline.class_names=classes.txt")
    project.dvc("repro", *STAGES)
    return project


def test_an_unchanged_file_forces_nothing(project):
    said = project.bakeoff("weights", "--retry")
    assert "Running stage" not in said
    assert record(project, MODELS[0])["source"] == "folder"


def test_a_replaced_file_is_unnoticed_by_repro_and_taken_up_by_retry(project):
    from safetensors.numpy import load_file, save_file

    path = project.folder / "checkpoints" / f"{MODELS[0]}.safetensors"
    before, other = record(project, MODELS[0]), record(project, MODELS[1])
    save_file({key: np.asarray(value + 1) for key, value in load_file(path).items()}, path)
    assert "Running stage 'weights" not in project.dvc("repro", *STAGES)
    said = project.bakeoff("weights", "--retry")
    assert f"{path} changed since it was stored in weights/{MODELS[0]}." in said
    after = record(project, MODELS[0])
    assert after["sha256"] != before["sha256"]
    assert after["source_sha256"] != before["source_sha256"]
    assert record(project, MODELS[1]) == other
    assert "changed since" not in project.bakeoff("weights", "--retry")
    changed = json.loads(project.dvc("status", "--json"))
    assert not [stage for stage in changed if stage.startswith("weights")], "what was forced is in dvc.lock"
    assert [stage for stage in changed if stage.startswith(f"train_torch@{MODELS[0]}")]


def test_changed_class_names_reach_the_baselines_record(project):
    (project.folder / "classes.txt").write_text("b\na\n")
    project.bakeoff("weights", "--retry")
    assert record(project, "baseline_tf")["class_names"] == ["b", "a"]


def test_a_file_that_does_not_fit_leaves_the_record_and_is_an_error(project):
    from safetensors.numpy import save_file

    path = project.folder / "checkpoints" / f"{MODELS[1]}.safetensors"
    before, kept = record(project, MODELS[1]), path.read_bytes()
    save_file({"elsewhere.weight": np.zeros((2, 2), np.float32)}, path)
    said = project.bakeoff("weights", "--retry", ok=False)
    assert "holds weights of another architecture" in said
    assert f"bakeoff: not taken up (see above): {path} changed since" in said
    assert record(project, MODELS[1]) == before
    path.write_bytes(kept)
    assert "not taken up" not in project.bakeoff("weights", "--retry")
