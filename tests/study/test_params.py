"""params.yaml: strict, typed, every mistake named."""

from pathlib import Path

import pytest
import yaml

from bakeoff.catalogue.params import SplitParams
from bakeoff.core.errors import ParamsError
from bakeoff.core.section import load_section, read_yaml, validate_section
from bakeoff.learning.params import BaselineParams
from bakeoff.learning.recipe import RecipeRecord, TrainingParams, write_recipes
from bakeoff.study.params import Params, load_params
from catalogue.dataset_sections import split_params

ROOT = Path(__file__).resolve().parents[2]
SPLIT = split_params().model_dump()
NO_PAIRS = read_yaml(ROOT / "params.yaml")["fuse"] | {"first": [], "second": [], "methods": []}


@pytest.fixture
def values() -> dict:
    return read_yaml(ROOT / "params.yaml")


def save(tmp_path: Path, values: dict) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def test_committed_params_are_valid(values):
    params = Params.model_validate(values)
    assert (params.text_models, params.fuse.first) == (["minilm"], ["tf_efficientnet_lite0-frozen"])
    assert params.models == [
        "tf_efficientnet_lite0",
        "mobilenetv2",
        "swin_t",
        "mobilevitv2",
        "mamba_t",
        "mamba_s",
        "mamba_b",
        "tf_efficientnet_lite1",
        "tf_efficientnet_lite2",
    ]
    assert params.modes == ["frozen", "finetune"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": SPLIT | {"train": 0.9}}, r"split: train .* must be 1, got 1\.1"),
        ({"split": SPLIT | {"fold": 5}}, r"split: fold must be 0 to n_folds - 1 = 4, got 5"),
        ({"split": SPLIT | {"n_folds": 2}}, r"split\.n_folds = 2"),
        ({"split": SPLIT | {"method": "random"}}, r"split\.method = 'random'.*'holdout', 'official' or 'kfold'"),
        (
            {"modes": ["frozen", "thawed"]},
            r"modes\.1: unknown mode 'thawed'; legal modes: frozen, finetune, partial_<n>",
        ),
        ({"modes": ["frozen", "frozen"]}, "no repeats"),
        ({"seeds": []}, "at least one value"),
        ({"models": ["hf:org/name"]}, "give an hf:<id> backbone a file in conf/model/"),
        ({"models": ["a", "a"]}, "lists a name twice"),
        ({"fuse": NO_PAIRS | {"methods": ["mean", "mean"]}}, r"fuse\.methods: lists a name twice"),
        ({"text_models": ["baseline_tf"]}, "baseline_tf is the baseline's own name"),
        ({"models": [], "fuse": NO_PAIRS}, "models is empty; a study of texts names one model of photos too"),
        ({"speed": 1}, "unknown key speed"),
        ({"profile": 3}, "profile = 3"),
        ({"evaluate": {"n_bootstrap": "10"}}, r"evaluate\.n_bootstrap = '10'"),
        ({"evaluate": {}}, r"missing key evaluate\.n_bootstrap"),
        ({"evaluate": {"batch_size": 32}}, r"unknown key evaluate\.batch_size"),
        ({"throughput": {"max_attempts": 3}}, r"missing key throughput\.rounds.*unknown key throughput\.max_attempts"),
    ],
)
def test_mistake_is_named(tmp_path, values, change, message):
    with pytest.raises(ParamsError, match=message):
        load_params(save(tmp_path, {**values, **change}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": ["swin_b"]}, r"faithfulness\.models: 'swin_b' is not in the study's \['tf_efficientnet_lite0'"),
        ({"modes": ["scratch"]}, r"faithfulness\.modes: 'scratch' is not in the study's \['frozen', 'finetune'\]"),
        ({"baseline_seeds": [4]}, r"faithfulness\.baseline_seeds: 4 is not in the study's \[0\]"),
    ],
)
def test_only_candidates_of_the_study_can_be_measured(tmp_path, values, change, message):
    with pytest.raises(ParamsError, match=message):
        load_params(save(tmp_path, {**values, "faithfulness": values["faithfulness"] | change}))


def test_as_is_baseline_needs_its_files(tmp_path, values):
    values["baseline"]["mode"] = "as_is"
    with pytest.raises(ParamsError, match="needs weights_file"):
        load_params(save(tmp_path, values))


def test_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(ParamsError, match="run `bakeoff params`"):
        load_params(tmp_path / "params.yaml")


def test_broken_yaml_and_non_mapping_are_refused(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("a: [1", encoding="utf-8")
    with pytest.raises(ParamsError, match="is not valid YAML"):
        read_yaml(path)
    path.write_text("- a", encoding="utf-8")
    with pytest.raises(ParamsError, match="must hold a mapping"):
        read_yaml(path)


def test_section_alone_and_a_missing_one(tmp_path, values):
    assert load_section(save(tmp_path, values), SplitParams).test == 0.1
    del values["split"]
    with pytest.raises(ParamsError, match="has no section 'split'"):
        load_section(save(tmp_path, values), SplitParams)


def training(values: dict) -> TrainingParams:
    return validate_section(TrainingParams, values["training"], where="test")


def test_a_recipe_is_defaults_then_family_then_the_backbones_own(values):
    params = training(values)
    own = {"finetune": {"learning_rate": 0.5}}
    assert params.recipe("finetune", own).learning_rate == 0.5
    assert params.recipe("finetune", own).epochs == values["training"]["finetune"]["epochs"] == 3
    assert params.recipe("finetune", own).batch_size == params.defaults.batch_size == 16
    assert params.recipe("frozen", own) == params.recipe("frozen", {})
    assert params.recipe("frozen", {}).epochs == values["training"]["frozen"]["epochs"] == 60


def test_quick_fine_tunes_gently_and_partial_modes_alike(values):
    recipe = training(values).recipe("finetune", {})
    assert (recipe.start, recipe.batch_norm, recipe.augment.name, recipe.select) == ("head", "eval", "standard", "last")
    assert training(values).recipe("partial", {}) == training(values).recipe("gradual", {}) == recipe
    baseline = validate_section(BaselineParams, values["baseline"], where="test").finetune
    assert (baseline.epochs, baseline.learning_rate, baseline.max_steps) == (2, 0.0005, 30)


def test_baseline_and_candidates_stop_early_by_the_same_patience(values):
    assert (
        values["baseline"]["early_stop_patience_epochs"]
        == values["training"]["defaults"]["early_stop_patience_epochs"]
        == 10
    )


def test_a_probe_has_what_fitting_needs_and_the_rest_is_refused(values):
    values["training"]["defaults"] |= {"loss": "bce", "augment": "heavy"}
    values["training"]["probe"] = {"probe": {"c": 1.0, "n_trees": 10, "n_neighbours": 3}}
    recipe = training(values).recipe("probe", {})
    assert (recipe.loss.name, recipe.augment.name, recipe.probe.c) == ("cross_entropy", "none", 1.0)
    values["training"]["probe"] = {"loss": "bce"}
    with pytest.raises(ParamsError, match=r"probe\.loss: a probe is fitted to features and takes no loss"):
        training(values)


def test_values_of_earlier_versions_are_told_where_they_belong(values):
    values["training"]["batch_size"] = 8
    with pytest.raises(ParamsError, match=r"batch_size: write it below defaults \(training\.defaults\.batch_size\)"):
        training(values)


def test_null_lifts_the_cap_and_an_unwritten_field_says_nothing(values):
    values["training"]["finetune"]["max_steps"] = 30
    params = training(values)
    assert params.recipe("finetune", {"finetune": {"max_steps": None}}).max_steps is None
    assert params.recipe("finetune", {"finetune": {"max_steps": None}}).epochs == 3
    assert params.recipe("finetune", {"finetune": {"epochs": 7}}).max_steps == 30


def test_a_random_start_is_capped_unless_the_backbone_says_otherwise(values):
    values["training"]["finetune"]["max_steps"] = 30
    params = training(values)

    def steps(family: str, own: dict, *, is_random: bool = True) -> int | None:
        return params.recipe(family, own).of_start(is_random=is_random).max_steps

    assert params.defaults.random_start_max_steps == 3
    assert (steps("finetune", {}, is_random=False), steps("finetune", {})) == (30, 3)
    assert (steps("frozen", {}, is_random=False), steps("frozen", {})) == (None, 3)
    own = {"finetune": {"max_steps": None}, "frozen": {"epochs": 2}}
    assert (steps("finetune", own), steps("frozen", own)) == (None, 3)
    values["training"]["defaults"]["random_start_max_steps"] = 99
    params = training(values)
    assert steps("finetune", {}) == 30
    values["training"]["defaults"]["random_start_max_steps"] = None
    params = training(values)
    assert steps("frozen", {}) is None


def test_one_recipe_a_candidate_which_others_values_do_not_touch(tmp_path, values):
    models, modes = {"a": {}, "b": {"finetune": {"epochs": 9}}}, ["frozen", "finetune"]
    write_recipes(models, modes, training(values), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(before) == ["a-finetune.json", "a-frozen.json", "b-finetune.json", "b-frozen.json"]
    assert RecipeRecord.read(tmp_path / "b-finetune.json").recipe.epochs == 9
    values["training"]["finetune"]["learning_rate"] = 0.5
    write_recipes({"a": {}}, modes, training(values), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-finetune.json", "a-frozen.json"]
    assert (tmp_path / "a-frozen.json").read_bytes() == before["a-frozen.json"]
    assert (tmp_path / "a-finetune.json").read_bytes() != before["a-finetune.json"]


@pytest.mark.parametrize("loss", ["bce", {"name": "bce"}])
def test_a_loss_without_parameters_is_written_as_its_name_alone(values, loss):
    values["training"]["defaults"]["loss"] = loss
    assert training(values).defaults.loss.probabilities == "sigmoid_normalised"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "hinge"}, r"training\.defaults\.loss .*'hinge'.*'cross_entropy', 'bce'"),
        ({"loss": {"name": "bce", "gamma": 2}}, r"unknown key training\.defaults\.loss\.bce\.gamma"),
        (
            {"optimizer": {"name": "sgdx", "weight_decay": 0.0}},
            r"training\.defaults\.optimizer\.name = 'sgdx'.*'adamw'",
        ),
        ({"optimizer": {"name": "adamw", "weight_decay": -1.0}}, r"training\.defaults\.optimizer\.weight_decay = -1"),
    ],
)
def test_losses_and_optimisers_that_are_none_are_named(tmp_path, values, change, message):
    values["training"]["defaults"] |= change
    with pytest.raises(ParamsError, match=message):
        load_params(save(tmp_path, values))


@pytest.mark.parametrize("field", ["epochs", "learning_rate"])
def test_null_where_it_means_nothing_is_refused(tmp_path, values, field):
    values["backbones"]["swin_t"]["training"] = {"finetune": {field: None}}
    with pytest.raises(ParamsError, match=rf"backbones\.swin_t\.training\.finetune\.{field}: Input should be a valid"):
        load_params(save(tmp_path, values))


def test_a_batch_of_one_and_batch_norm_are_refused_together(tmp_path, values):
    values["training"]["defaults"]["batch_size"] = 1
    load_params(save(tmp_path, values))
    values["backbones"]["swin_t"]["head"] = {"hidden": [8], "batch_norm": True, "dropout": 0.1}
    with pytest.raises(ParamsError, match=r"model swin_t: batch_size is 1, but the head has batch norm"):
        load_params(save(tmp_path, values))
    values["backbones"]["swin_t"]["head"]["hidden"] = []  # no hidden layer, no batch norm
    load_params(save(tmp_path, values))
    values["backbone_defaults"]["head"] = {"hidden": [8], "batch_norm": True, "dropout": 0.1}
    with pytest.raises(
        ParamsError, match=r"set training\.defaults\.batch_size to 2 or more, or head\.batch_norm to false"
    ):
        load_params(save(tmp_path, values))
