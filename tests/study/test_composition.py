"""conf/ composes into params.yaml exactly as `dvc exp run -S` does."""

import copy
import shutil
from pathlib import Path

import pytest

from bakeoff.catalogue.params import DatasetParams
from bakeoff.core.errors import ParamsError
from bakeoff.core.section import validate_section
from bakeoff.learning.recipe import TrainingParams
from bakeoff.study import composition
from bakeoff.study.composition import choices, choices_made, differences
from bakeoff.study.params import Params, write_params
from bakeoff.tuning.params import TuneParams

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.torch  # dvc and hydra live in .venv-torch


_composed: dict[tuple[str, ...], dict] = {}


def compose(root: Path, overrides: list[str]) -> dict:
    """As the product's, but once for equal choices: every test here has the same conf/."""
    key = (str((root / "conf").is_dir()), *overrides)
    if key not in _composed:
        _composed[key] = _COMPOSE(root, overrides)
    return copy.deepcopy(_composed[key])


_COMPOSE = composition.compose


@pytest.fixture(autouse=True)
def composed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composition, "compose", compose)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    write_params(tmp_path, [])
    return tmp_path


def test_committed_params_are_the_default_composition():
    assert differences(ROOT) == []
    assert compose(ROOT, [])["models"] == list(compose(ROOT, [])["backbones"])


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("weights.folder=/a,b", "quote it: \"weights.folder='/a,b'\" as a text, \"weights.folder=['/a',b]\" as a list"),
        ("models=resnet18,resnet50", '"models=[resnet18,resnet50]" as a list'),
        ("models=[resnet18", '"models=[resnet18]" as a list'),
        ("dataset.table=a (1).csv", "\"dataset.table='a (1).csv'\" as a text"),
        ("dataset.root=~/photos", "\"dataset.root='~/photos'\" as a text"),
        ("dataset.licence=it's", "'dataset.licence='\"'\"'it"),
        ("full", "'full' is not a choice; expected key=value"),
    ],
)
def test_a_value_that_hydra_reads_otherwise_is_told_how_to_quote(override, told):
    with pytest.raises(ParamsError, match=r"quote it|expected key=value") as error:
        _COMPOSE(ROOT, [override])
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_quoted_value_is_taken_as_it_is():
    assert _COMPOSE(ROOT, ["weights.folder='/a,b: [c]'"])["weights"]["folder"] == "/a,b: [c]"


def test_full_is_system_1_to_the_letter():
    full = compose(ROOT, ["profile=full"])
    training = TrainingParams.model_validate(full["training"])
    for family in ("frozen", "finetune"):
        recipe = training.recipe(family, {})
        assert (recipe.loss.name, recipe.optimizer.name, recipe.augment.name) == ("bce", "adamw", "none")
        assert (recipe.epochs, recipe.learning_rate, recipe.max_steps) == (25, 1e-5, None)
    assert full["modes"] == ["frozen", "finetune"]
    assert full["weights"]["policy"] == "require"


@pytest.mark.parametrize("name", choices(ROOT / "conf")["model"])
def test_every_model_file_composes(name):
    values = compose(ROOT, [f"model={name}"])
    assert values["model"] == name
    if name not in ("all", "modern", "food101", "rakuten_images"):
        assert values["models"] == [name]


PROFILES = {  # beside quick and full: with which data set and models
    "tuned": ("stamps", "all"),
    "mambavision_poc": ("flipkart", "all"),
    "rakuten_features": ("rakuten", "efficientnet_b0"),
    "rakuten_images": ("rakuten", "rakuten_images"),
    "rakuten_cnn": ("rakuten", "plain_cnn"),
    "rakuten_text": ("rakuten", "efficientnet_b0"),
    "rakuten_fusion": ("rakuten", "resnet50"),
    "food101_quick": ("food101", "food101"),
    "food101_full": ("food101", "food101"),
    "cars": ("cars", "resnet18"),
}


@pytest.mark.parametrize("name", choices(ROOT / "conf")["profile"])
def test_every_profile_is_a_whole_study_with_what_it_is_made_for(name):
    dataset, model = PROFILES.get(name, ("stamps", "all"))
    values = compose(ROOT, [f"profile={name}", f"dataset={dataset}", f"model={model}"])
    assert validate_section(Params, values, where="conf/").profile == name


@pytest.mark.parametrize(("profile", "text_model"), [("rakuten_text", "tfidf_svm"), ("rakuten_fusion", "camembert")])
def test_a_profiles_texts_come_before_the_demos(profile, text_model):
    values = compose(ROOT, [f"profile={profile}"])
    assert values["text_models"][0] == text_model
    assert len(values["fuse"]["methods"]) == (6 if profile == "rakuten_fusion" else 1)


@pytest.mark.parametrize("space", choices(ROOT / "conf")["tuning"])
def test_every_space_is_of_fields_that_recipes_have(space):
    pytest.importorskip("optuna")
    values = compose(ROOT, [f"tuning={space}"])["tune"]
    assert TuneParams.model_validate(values).space


@pytest.mark.parametrize("name", choices(ROOT / "conf")["dataset"])
def test_every_dataset_composes_under_its_own_name(name):
    assert compose(ROOT, [f"dataset={name}"])["dataset"]["name"] == name


def test_a_dataset_file_says_what_differs_alone(tmp_path):
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    (tmp_path / "conf" / "dataset" / "own.yaml").write_text("name: own\nkind: folder\nroot: photos\nimages: inside\n")
    own = DatasetParams.model_validate(composition.compose(tmp_path, ["dataset=own"])["dataset"])
    assert (own.root, own.images, own.duplicates, own.columns.label) == ("photos", "inside", "group", None)


@pytest.mark.parametrize("name", ["convnext_tiny.fb_in22k_ft_in1k", "resnet18"])
def test_a_timm_name_needs_no_file(name):
    assert compose(ROOT, [f"models=[{name}]"])["models"] == [name]


def test_unknown_choice_lists_the_legal_ones():
    with pytest.raises(ParamsError, match=r"profile=fast is unknown; expected one of cars, food101_full, .*, tuned"):
        compose(ROOT, ["profile=fast"])
    with pytest.raises(ParamsError, match=r"model=vgg is unknown.*mamba_b.*any timm name"):
        compose(ROOT, ["model=vgg"])
    with pytest.raises(ParamsError, match="does not compose"):
        compose(ROOT, ["nonsense.key=1"])


def test_a_folder_without_conf_is_refused(tmp_path):
    with pytest.raises(ParamsError, match="run this in the project's folder"):
        compose(tmp_path, [])


def test_hand_edits_are_noticed(project):
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("accumulate: 1\n    clip", "accumulate: 2\n    clip", 1), encoding="utf-8")
    assert differences(project) == ["training.defaults.accumulate"]


def test_a_chosen_model_is_no_difference(project):
    write_params(project, ["model=mamba_b", "profile=full"])
    assert differences(project) == []


@pytest.mark.parametrize(
    "made",
    [
        [],
        pytest.param(["dataset=synthetic", "models=[resnet18]"], marks=pytest.mark.slow),
        ["profile=full", "model=mamba_b", "compare.subject_to.latency_p50_ms=30", "seeds=[0,1]"],
        ["dataset.exclude_labels=['a b',c]", "dataset.licence='null'", "weights.folder='/x y/it\\'s'"],
        ["+backbones.mine={name:resnet18,image_size:64}", "models=[mine]", "training.frozen.learning_rate=1e-05"],
    ],
)
def test_the_choices_made_are_found_again(project, made):
    values = compose(project, made)
    found = choices_made(project, values)
    assert found == made
    assert compose(project, found) == values


def test_where_runs_are_shown_is_no_choice_of_the_study(project):
    assert choices_made(project, compose(project, ["tracking.tensorboard=true", "seeds=[3]"])) == ["seeds=[3]"]


def test_a_hand_edit_that_no_choice_can_say(project):
    values = compose(project, [])
    values["backbones"]["name.with.dots"] = {"name": "resnet18"}
    assert choices_made(project, values) is None
    values = compose(project, [])
    del values["backbones"]["mamba_t"]
    assert choices_made(project, values) is None
