"""The trees lead where their thresholds say, and the command that comes out is one that conf/ composes."""

import io
from itertools import product
from pathlib import Path

import pytest
from rich.console import Console

from bakeoff.advice.advise import DEVICES, Facts, advise, gather, overrides, this_device
from bakeoff.advice.rules import FILE, Leaf, messages, rules, walk
from bakeoff.advice.show import show_advice
from bakeoff.core.errors import DataError, EvaluationError, ParamsError
from bakeoff.core.section import LANGUAGES
from bakeoff.core.seeding import usable_cpus
from bakeoff.core.translation import Translator
from bakeoff.records.catalogue import AuditRecord
from records_made import audit_record, dataset, network_speed, throughput_record

FAMILY, MACHINE = rules().family, rules().machine
ROOT = Path(__file__).resolve().parents[2]


def leaves(tree):
    return [tree] if isinstance(tree, Leaf) else [*leaves(tree.then), *leaves(tree.otherwise)]


def facts(n_images=30_000, n_classes=100, *, device="cpu", hours=8.0, commercial=False, dataset=None):
    return Facts(n_images, n_classes, device, 2, hours, commercial, dataset)


@pytest.mark.parametrize(
    ("per_class", "n_images", "end"),
    [(99.9, 19_999, "compact conv"), (100, 19_999, "a compact"), (100, 20_000, "larger"), (12, 50_000, "compact conv")],
)
def test_size_leads_to_a_family(per_class, n_images, end):
    assert walk(FAMILY, {"images_per_class": per_class, "n_images": n_images})[1].end.startswith(end)


@pytest.mark.parametrize(
    ("n_gpus", "per_class", "finetune_hours", "extract_hours", "end"),
    [
        (0, 300, 7.9, 0.5, "frozen and fine-tuned, 5"),
        (0, 300, 8.0, 0.5, "frozen: extract"),
        (0, 300, 80.0, 8.0, "frozen, and still more"),
        (1, 19.9, 80.0, 8.0, "frozen: only"),
        (1, 20, 80.0, 8.0, "frozen and fine-tuned, the schedule"),
    ],
)
def test_machine_and_time_lead_to_a_mode(n_gpus, per_class, finetune_hours, extract_hours, end):
    numbers = {"n_gpus": n_gpus, "images_per_class": per_class, "hours": 8.0}
    numbers |= {"finetune_hours": finetune_hours, "extract_hours": extract_hours}
    steps, leaf = walk(MACHINE, numbers)
    assert leaf.end.startswith(end)
    assert steps[0].question.fact == "n_gpus"


def test_every_backbone_has_a_file_and_every_mode_a_batch():
    for leaf in leaves(FAMILY):
        assert all((ROOT / "conf" / "model" / f"{model}.yaml").is_file() for model in leaf.models)
    assert all(leaf.modes and leaf.batch_size for leaf in leaves(MACHINE))


def test_what_the_rules_say_is_found_for_translation():
    with FILE.open("rb") as file:
        found = [text for _, _, text, _ in messages(file)]
    assert len(found) == 2 + 2 * 6 + 8  # titles, questions with their reasons, ends
    assert "compact convolutional networks" in found


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize(("family", "machine"), list(product(leaves(FAMILY), leaves(MACHINE))))
def test_every_command_composes(family, machine):
    from bakeoff.study.composition import compose

    values = compose(ROOT, overrides(family.models, machine, dataset="flipkart"))
    assert values["models"] == list(family.models)
    assert values["modes"] == list(machine.modes)
    assert values["training"]["defaults"]["batch_size"] == machine.batch_size
    for mode, rate in machine.modes.items():
        assert values["training"][mode]["learning_rate"] == pytest.approx(rate)


@pytest.mark.torch
def test_hours_by_hand_and_licences():
    advice = advise(facts(36_000, 10), ROOT)
    assert [card.model for card in advice.models] == ["efficientnet_b0", "swin_t", "mamba_s", "mamba_b"]
    for card in advice.models:
        extract, finetune = card.hours
        assert extract == pytest.approx(10 / card.images_per_s)  # 36,000 photos at 1 image/s are 10 h
        assert finetune == pytest.approx(extract * 0.8 * 3 * 5)
    sold = advise(facts(36_000, 10, commercial=True), ROOT)
    assert [card.model for card in sold.models] == ["efficientnet_b0", "swin_t"]
    assert [(card.model, card.commercial_use) for card in sold.left_out] == [("mamba_s", False), ("mamba_b", False)]
    assert "mamba" not in sold.command


@pytest.mark.torch
def test_own_measurements_come_first(tmp_path):
    (tmp_path / "conf").symlink_to(ROOT / "conf")
    assert not any(card.measured_here for card in advise(facts(), tmp_path).models)
    file = tmp_path / "measurements" / "throughput.json"
    record = throughput_record({"swin_t": network_speed(images_per_s=40.0)})
    record.write(file)
    speeds = {card.model: card for card in advise(facts(), tmp_path).models}
    assert (speeds["swin_t"].images_per_s, speeds["swin_t"].measured_here) == (40.0, True)
    assert speeds["mamba_s"].measured_here is False
    cuda = advise(facts(device="cuda"), tmp_path).models
    assert all(card.images_per_s is None for card in cuda)
    record.model_copy(update={"format": record.FORMAT - 1}).write(file)
    assert not any(card.measured_here for card in advise(facts(), tmp_path).models)  # its stage will replace it
    file.write_text("{")
    with pytest.raises(EvaluationError, match=r"throughput\.json is not valid JSON"):
        advise(facts(), tmp_path)


@pytest.mark.torch
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("device", DEVICES)
def test_shown_in_both_languages(language, device):
    console = Console(file=io.StringIO(), width=160)
    advice = advise(facts(600, 6, device=device, commercial=True), ROOT)
    show_advice(advice, Translator(language), console=console)
    text = console.file.getvalue()
    assert "-S 'models=[efficientnet_b0,swin_t]'" in text
    assert {
        "en": "fewer than 100 photos per class? 100: no",
        "fr": "moins de 100 photos par classe\u202f? 100\u202f: non",
    }[language] in text
    assert "Apache-2.0" in text


def test_facts_come_from_the_command_the_catalogue_or_an_assumption(tmp_path):
    asked = {"device": "cpu", "hours": 8.0, "commercial": False}
    nothing = gather(tmp_path, n_images=None, n_classes=None, **asked)
    assert (nothing.n_images, nothing.n_classes, nothing.assumed) == (1050, 7, ("images",))
    assert gather(tmp_path, n_images=500, n_classes=None, **asked).assumed == ("classes",)
    given = gather(tmp_path, n_images=500, n_classes=5, **asked)
    assert (given.images_per_class, given.assumed) == (100, ())
    audit = tmp_path / "data" / "audit" / "audit.json"
    audit_record(n_accepted=90, per_class={"a": 40, "b": 50}, dataset=dataset(name="folder")).write(audit)
    (tmp_path / "conf" / "dataset").mkdir(parents=True)
    (tmp_path / "conf" / "dataset" / "folder.yaml").touch()
    counted = gather(tmp_path, n_images=None, n_classes=None, **asked)
    assert (counted.n_images, counted.n_classes, counted.dataset, counted.assumed) == (90, 2, "folder", ())


def test_refuses_sizes_devices_and_catalogues_that_are_none(tmp_path):
    with pytest.raises(ParamsError, match="at least 1 image, 2 classes and more than 0 hours, got 5 images, 1 classes"):
        facts(5, 1)
    with pytest.raises(ParamsError, match="device must be one of cpu, cuda, mps, got 'tpu'"):
        facts(device="tpu")
    broken = tmp_path / "data" / "audit" / "audit.json"
    broken.parent.mkdir(parents=True)
    broken.write_text(f'{{"format": {AuditRecord.FORMAT}}}')
    with pytest.raises(DataError, match=r"lacks dataset; run `dvc repro audit`"):
        gather(tmp_path, n_images=None, n_classes=None, device="cpu", hours=8, commercial=False)


def test_this_machine_is_one_of_them():
    assert this_device() in DEVICES
    assert usable_cpus() >= 1
