"""Which of the user's own weights files are other ones than those that weights/ holds; no framework needed."""

import pytest

from bakeoff.core.errors import WeightsError
from bakeoff.core.paths import project_root
from bakeoff.records.weights import WeightsRecord, source_digest
from bakeoff.study.params import Params, load_params
from bakeoff.study.user_files import user_file_changes
from bakeoff.weights.baseline import fetch_baseline_weights

pytestmark = pytest.mark.torch  # what reads all of params.yaml is in .venv-torch


class Study:
    """A study with one candidate, `m`, and the baseline, whose weights came from where the test says."""

    def __init__(self, root, settings):
        self.root, self.mine = root, root / "mine"
        self.mine.mkdir()
        self.params: Params = load_params(project_root() / "params.yaml").model_copy(update={"models": ["m"]})
        self.given(folder=str(self.mine), sources=["folder", "package", "hub"])
        (root / "data" / "candidates").mkdir(parents=True)
        settings(model="m").write(root / "data" / "candidates" / "m.json")

    def given(self, **changes):
        self.params = self.params.model_copy(update={"weights": self.params.weights.model_copy(update=changes)})

    def baseline(self, **changes):
        changed = self.params.baseline.model_copy(update={"weights_file": None, "pretrained": "imagenet", **changes})
        self.params = self.params.model_copy(update={"baseline": changed})
        fetch_baseline_weights(self.params.weights, changed, self.root / "weights" / "baseline_tf")

    def record(self, source, file=None, *, url=None):
        random = source == "random"
        WeightsRecord(
            model="m",
            source=source,
            file=None if random else "model.safetensors",
            url_or_id=url or (file.name if file else "timm/m"),
            revision=None,
            sha256=None if random else "0" * 64,
            licence="MIT",
            commercial_use=True,
            reason="unreachable" if random else None,
            source_sha256=source_digest(file) if file else None,
        ).write(self.root / "weights" / "m")

    def changes(self):
        found = user_file_changes(self.root, self.params)
        return [(change.model, change.kind, change.path.name, change.stages[-1]) for change in found]


@pytest.fixture
def study(tmp_path, settings):
    return Study(tmp_path, settings)


def test_nothing_stored_nothing_changed(study):
    (study.mine / "m.safetensors").write_bytes(b"1")
    assert study.changes() == []


def test_a_folder_file_by_content_not_by_time(study):
    file = study.mine / "m.safetensors"
    file.write_bytes(b"1")
    study.record("folder", file)
    file.touch()
    assert study.changes() == []
    file.write_bytes(b"2")
    assert study.changes() == [("m", "changed", "m.safetensors", "weights@m")]
    file.write_bytes(b"1")
    (study.mine / "m.pth").write_bytes(b"1")  # .safetensors comes first
    assert study.changes() == []
    file.unlink()
    assert study.changes() == [("m", "changed", "m.pth", "weights@m")]
    (study.mine / "m.pth").unlink()
    assert study.changes() == [("m", "gone", "m.safetensors", "weights@m")]
    study.given(folder=None)
    assert study.changes() == []


@pytest.mark.parametrize(
    ("sources", "stored", "appeared"),
    [
        (["folder", "package", "hub"], "hub", True),
        (["folder", "package", "hub"], "package", True),
        (["package", "hub", "folder"], "package", False),
        (["hub", "folder"], "hub", False),
        (["hub", "folder"], "random", True),
        (["folder"], "hub", True),
        (["hub"], "random", False),
    ],
)
def test_a_new_file_counts_where_the_sources_prefer_it(study, sources, stored, appeared):
    study.given(sources=sources)
    study.record(stored)
    assert study.changes() == []
    (study.mine / "m.pth").write_bytes(b"1")
    assert study.changes() == ([("m", "appeared", "m.pth", "weights@m")] if appeared else [])


def test_the_baselines_folder_file(study):
    study.given(sources=["folder"])
    study.baseline()
    assert study.changes() == []
    file = study.mine / "baseline_tf.h5"
    file.write_bytes(b"1")
    assert study.changes() == [("baseline_tf", "appeared", "baseline_tf.h5", "weights_baseline")]
    study.baseline()
    assert study.changes() == []
    file.write_bytes(b"2")
    assert study.changes() == [("baseline_tf", "changed", "baseline_tf.h5", "weights_baseline")]
    study.baseline(pretrained="random")
    assert study.changes() == []


def test_an_earlier_model_and_its_class_names(study, monkeypatch):
    monkeypatch.setenv("BAKEOFF_ROOT", str(study.root))  # relative paths are the main checkout's
    model, names = study.root / "shop.keras", study.root / "classes.txt"
    model.write_bytes(b"1")
    names.write_text("red\ngreen\n")
    study.baseline(mode="as_is", weights_file="shop.keras", class_names="classes.txt")
    names.write_text("red\n\n green\r\n")
    assert study.changes() == []
    names.write_text("green\nred\n")
    assert study.changes() == [("baseline_tf", "changed", "classes.txt", "weights_baseline")]
    names.write_text("green\ngreen\n")  # the forced stage says what is wrong
    assert study.changes() == [("baseline_tf", "changed", "classes.txt", "weights_baseline")]
    names.unlink()
    model.write_bytes(b"2")
    assert [change[1:3] for change in study.changes()] == [("changed", "shop.keras"), ("gone", "classes.txt")]
    changed = study.params.baseline.model_copy(update={"weights_file": "other.keras"})
    study.params = study.params.model_copy(update={"baseline": changed})
    assert study.changes() == []  # DVC notices params


def test_a_transformers_folder_counts_with_all_its_files(study, settings, tmp_path):
    own = tmp_path / "vit"
    own.mkdir()
    for name in ("config.json", "model.safetensors", "preprocessor_config.json"):
        (own / name).write_bytes(b"1")
    settings(model="m", source="hf", name=str(own)).write(study.root / "data" / "candidates" / "m.json")
    study.given(folder=None)
    study.record("folder", own, url=str(own))
    (own / ".cache").write_bytes(b"2")
    assert study.changes() == []
    (own / "preprocessor_config.json").write_bytes(b"2")
    found = user_file_changes(tmp_path, study.params)
    assert [change.stages for change in found] == [("candidates", "weights@m")]
    assert str(found[0]) == f"{own} changed since it was stored in weights/m"


def test_a_digest_of_what_cannot_be_read(tmp_path):
    with pytest.raises(WeightsError, match=r"gone\.pth cannot be read \(No such file"):
        source_digest(tmp_path / "gone.pth")
