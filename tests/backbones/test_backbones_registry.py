"""From a name to full settings: timm's, MambaVision's and transformers' own configurations."""

import pytest

from bakeoff.backbones.params import BackboneParams, LicenceParams, StudyBackbones
from bakeoff.core.errors import ParamsError
from bakeoff.records.recipe import HeadParams

pytest.importorskip("torch")
pytestmark = pytest.mark.torch


@pytest.fixture
def describe(defaults):
    from bakeoff.backbones.registry import describe

    return lambda model, **entries: describe(model, entries, defaults)


def test_a_listed_model_keeps_its_own_head(describe, defaults):
    head = HeadParams(hidden=[512, 128], batch_norm=True, dropout=0.5)
    entry = BackboneParams(source="timm", name="mobilenetv2_100.ra_in1k", head=head)
    found = describe("mobilenetv2", mobilenetv2=entry)
    assert (found.model, found.name, found.weights_id) == ("mobilenetv2", entry.name, "timm/mobilenetv2_100.ra_in1k")
    assert (found.head, found.commercial_use) == (head, True)
    assert describe("resnet18").head == defaults.head


def test_a_backbones_own_training_overrides_the_defaults_field_by_field(defaults):
    shared = {"finetune": {"epochs": 3, "max_steps": 5}, "frozen": {"epochs": 8}}
    entry = BackboneParams(name="resnet18", training={"finetune": {"learning_rate": 0.2, "max_steps": None}})
    study = StudyBackbones(
        models=["resnet18", "swin_t"],
        modes=["frozen"],
        seeds=[0],
        backbones={"resnet18": entry},
        backbone_defaults=defaults.model_copy(update={"training": shared}),
    )
    assert study.own_training("resnet18") == {
        "finetune": {"epochs": 3, "learning_rate": 0.2, "max_steps": None},
        "frozen": {"epochs": 8},
    }
    assert study.own_training("swin_t") == shared


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"weights": "mit"}, ("Apache-2.0", "MIT", True)),
        ({"weights": "our contract", "commercial_use": True}, ("Apache-2.0", "our contract", True)),
        ({"weights": "our contract"}, ("Apache-2.0", "our contract", None)),
        ({"code": "cc-by-nc-4.0"}, ("CC-BY-NC-4.0", "Apache-2.0", False)),
        ({"commercial_use": False}, ("Apache-2.0", "Apache-2.0", False)),
    ],
)
def test_a_licence_that_the_entry_states(stated, expected, describe):
    found = describe("mine", mine=BackboneParams(name="resnet18", licence=LicenceParams(**stated)))
    assert (found.licence_code, found.licence_weights, found.commercial_use) == expected


def test_an_unlisted_and_a_dotted_timm_name(describe):
    assert describe("resnet18").weights_id == "timm/resnet18.a1_in1k"
    dotted = describe("convnext_tiny.fb_in22k_ft_in1k")
    assert (dotted.name, dotted.architecture) == ("convnext_tiny.fb_in22k_ft_in1k", "convnext_tiny")
    assert dotted.preprocessing.crop_pct == 0.875


def test_each_candidate_gets_its_own_weights_preprocessing(describe):
    mobilevit = describe("mobilevitv2_100.cvnets_in1k")
    assert (mobilevit.preprocessing.image_size, mobilevit.preprocessing.mean) == (256, (0.0, 0.0, 0.0))
    assert (mobilevit.licence_weights, mobilevit.commercial_use) == ("Apple CVNets licence", None)
    assert describe("tf_efficientnet_lite0.in1k").preprocessing.mean == (0.5, 0.5, 0.5)
    entry = BackboneParams(name="mobilevitv2_100.cvnets_in1k", image_size=224)
    assert describe("m", m=entry).preprocessing.image_size == 224


@pytest.mark.parametrize(
    ("name", "architecture", "crop_pct", "repository"),
    [
        ("mamba_vision_T", "MambaVision-T", 1.0, "nvidia/MambaVision-T-1K"),
        ("mamba_vision_S", "MambaVision-S", 0.93, "nvidia/MambaVision-S-1K"),
        ("mamba_vision_B", "MambaVision-B", 1.0, "nvidia/MambaVision-B-1K"),
    ],
)
def test_mambavision_is_non_commercial_and_has_its_own_crop(describe, name, architecture, crop_pct, repository):
    found = describe("mamba", mamba=BackboneParams(source="mambavision", name=name))
    assert (found.architecture, found.preprocessing.crop_pct, found.weights_id) == (architecture, crop_pct, repository)
    assert found.preprocessing.interpolation == "bicubic"
    assert found.preprocessing.mean == (0.485, 0.456, 0.406)
    licences = (found.licence_code, found.licence_weights, found.commercial_use)
    assert licences == ("NVIDIA Source Code License-NC", "CC-BY-NC-SA-4.0", False)


def test_unknown_names_get_near_matches(describe):
    with pytest.raises(ParamsError, match=r"unknown backbone 'resnet81'; did you mean .*resnet18"):
        describe("resnet81")
    with pytest.raises(ParamsError, match=r"unknown backbone 'mamba_bb'; did you mean mamba_b"):
        describe("mamba_bb", mamba_b=BackboneParams(source="mambavision", name="mamba_vision_B"))
    with pytest.raises(ParamsError, match=r"unknown backbone 'zzzzqqqq'; \d+ names are known"):
        describe("zzzzqqqq")
    with pytest.raises(
        ParamsError, match=r"unknown MambaVision model 'mamba_vision_Q'; did you mean .* Legal names: .*mamba_vision_T2"
    ):
        describe("q", q=BackboneParams(source="mambavision", name="mamba_vision_Q"))


def test_an_unknown_tag_lists_the_legal_ones(describe):
    with pytest.raises(ParamsError, match=r"resnet18 has no pretrained tag 'nope'; legal names: .*resnet18\.a1_in1k"):
        describe("resnet18.nope")


@pytest.mark.parametrize(
    ("old", "new", "statistics"),
    [
        ("tf_efficientnet_b0_ns", "tf_efficientnet_b0.ns_jft_in1k", ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))),
        ("vit_base_patch16_224_in21k", "vit_base_patch16_224.augreg_in21k", ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))),
    ],
)
def test_a_name_that_timm_has_changed_is_todays_under_the_studys_name(old, new, statistics, describe):
    found, today = describe(old), describe(new)
    assert found.name == new
    assert found == today.model_copy(update={"model": old})
    assert (found.weights_id, found.preprocessing.mean, found.preprocessing.std) == (f"timm/{new}", *statistics)
    assert describe("mine", mine=BackboneParams(name=old)).name == new


@pytest.mark.parametrize(
    ("model", "image_size", "words"),
    [
        ("crossvit_9_240.in1k", 224, r"crossvit_9_240\.in1k takes photos of 240 px and cannot compute 224 px \(.*null"),
        ("xcit_nano_12_p8_224", 225, r"xcit_nano_12_p8_224 cannot be built for 225 px: .*leave image_size null"),
        pytest.param(
            "gemma4_vit_167m_enc",
            None,
            r"gives \(1, \d+, \d+\) for one photo, not pooled features \(1, D\)",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_network_that_cannot_take_the_photos_ends_before_anything_is_written(
    model, image_size, words, defaults, tmp_path
):
    from bakeoff.backbones.candidates import write_candidates
    from bakeoff.backbones.params import StudyBackbones

    sized = defaults.model_copy(update={"image_size": image_size})
    study = StudyBackbones(models=[model], modes=["frozen"], seeds=[0], backbones={}, backbone_defaults=sized)
    with pytest.raises(ParamsError, match=words):
        write_candidates(study, tmp_path / "out", tmp_path / "runs")
    assert not (tmp_path / "out").exists()


def test_candidates_are_written_and_other_studies_tidied(defaults, tmp_path):
    from bakeoff.backbones.candidates import candidates_table, write_candidates
    from bakeoff.backbones.params import StudyBackbones

    out, runs = tmp_path / "candidates", tmp_path / "runs"
    out.mkdir()
    (out / "old.json").touch()
    kept = ["resnet18-frozen/seed_0", "resnet18-frozen/seed_1", "baseline_tf/seed_0"]
    gone = ["resnet18-frozen/seed_2", "resnet18-finetune/seed_0", "old-frozen/seed_0", "baseline_tf/seed_7"]
    for name in kept + gone:
        (runs / name / "training").mkdir(parents=True)
    study = StudyBackbones(
        models=["resnet18", "convnext_tiny.fb_in22k_ft_in1k"],
        modes=["frozen"],
        seeds=[0, 1],
        backbones={},
        backbone_defaults=defaults,
    )
    found = write_candidates(study, out, runs)
    assert [path.name for path in sorted(out.iterdir())] == ["convnext_tiny.fb_in22k_ft_in1k.json", "resnet18.json"]
    assert [settings.model for settings in found] == study.models
    assert all((runs / name).is_dir() for name in kept)
    assert not any((runs / name).exists() for name in gone)
    assert candidates_table(found).row_count == 2


def test_an_unknown_model_touches_nothing(defaults, tmp_path):
    from bakeoff.backbones.candidates import write_candidates
    from bakeoff.backbones.params import StudyBackbones

    (tmp_path / "runs" / "old-frozen").mkdir(parents=True)
    with pytest.raises(ParamsError, match="unknown backbone"):
        write_candidates(
            StudyBackbones(models=["resnet81"], modes=["frozen"], seeds=[0], backbones={}, backbone_defaults=defaults),
            tmp_path / "out",
            tmp_path / "runs",
        )
    assert (tmp_path / "runs" / "old-frozen").is_dir()
    assert not (tmp_path / "out").exists()
