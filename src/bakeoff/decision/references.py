"""Published results to read beside ours, marked as such: other people's numbers on other people's test sets."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from bakeoff.core.translation import N_, Translator
from bakeoff.records.candidate import BASELINE


class _Official(NamedTuple):
    title: str
    measure: str
    value: float
    source_url: str


_RAKUTEN_URL = "https://challengedata.ens.fr/challenges/35"
OFFICIAL: dict[str, tuple[_Official, ...]] = {
    "rakuten": (
        _Official(N_("Official baseline of the Rakuten challenge, text (RNN)"), "weighted_f1", 0.8113, _RAKUTEN_URL),
        _Official(
            N_("Official baseline of the Rakuten challenge, images (ResNet)"), "weighted_f1", 0.5534, _RAKUTEN_URL
        ),
    ),
}
"""Baselines that a data set's publisher states, by the beginning of the data set's name."""

KERAS_EFFICIENTNET_B0 = {"value": 0.771, "source": "https://keras.io/api/applications/"}
"""The baseline has no entry in conf/model/; these are the weights that `baseline.pretrained: imagenet` loads."""


def references(params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return choice.json's `references`: official baselines of this data set, then ImageNet top-1 of the backbones.

    Args:
        params: params.yaml as plain values: `language`, `dataset.name`, `models`, `backbones`, `baseline.pretrained`.

    Returns:
        {"name", "model" (null for official baselines), "measure", "value" (share), "split", "source_url",
        "kind": "published"} each. A backbone whose conf file states no `imagenet_top1` has no row.
    """
    t = Translator(params.get("language", "en"))
    return _official(str(params["dataset"]["name"]), t) + _imagenet(params, t)


def _official(dataset: str, t: Translator) -> list[dict[str, Any]]:
    split = t.gettext("the challenge's test set")
    return [
        _row(t.gettext(item.title), None, item.measure, item.value, split, item.source_url)
        for beginning, items in OFFICIAL.items()
        if dataset.lower().startswith(beginning)
        for item in items
    ]


def _imagenet(params: Mapping[str, Any], t: Translator) -> list[dict[str, Any]]:
    backbones = params.get("backbones") or {}
    known = {name: (backbones.get(name) or {}).get("imagenet_top1") for name in params["models"]}
    if params["baseline"]["pretrained"] == "imagenet":
        known = {BASELINE: KERAS_EFFICIENTNET_B0} | known
    split = t.gettext("ImageNet-1k validation")
    return [
        _row(name, name, "imagenet_top1", float(top1["value"]), split, str(top1["source"]))
        for name, top1 in known.items()
        if top1
    ]


def _row(name: str, model: str | None, *values: Any) -> dict[str, Any]:
    named = dict(zip(("measure", "value", "split", "source_url"), values, strict=True))
    return {"name": name, "model": model, **named, "kind": "published"}
