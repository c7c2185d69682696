"""Published results to read beside ours, marked as such: other people's numbers on other people's test sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bakeoff.language.matrix import PHRASES
from bakeoff.language.phrases import Words
from bakeoff.records.candidate import BASELINE


class _Official(NamedTuple):
    phrase: str
    measure: str
    value: float
    source_url: str


_RAKUTEN_URL = "https://challengedata.ens.fr/challenges/35"
OFFICIAL: dict[str, tuple[_Official, ...]] = {
    "rakuten": (
        _Official("rakuten_text", "weighted_f1", 0.8113, _RAKUTEN_URL),
        _Official("rakuten_image", "weighted_f1", 0.5534, _RAKUTEN_URL),
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
    words = Words(params.get("language", "en"), PHRASES)
    return _official(str(params["dataset"]["name"]), words) + _imagenet(params, words)


def _official(dataset: str, words: Words) -> list[dict[str, Any]]:
    split = words("reference.rakuten_split")
    return [
        _row(words(f"reference.{item.phrase}"), None, item.measure, item.value, split, item.source_url)
        for beginning, items in OFFICIAL.items()
        if dataset.lower().startswith(beginning)
        for item in items
    ]


def _imagenet(params: Mapping[str, Any], words: Words) -> list[dict[str, Any]]:
    backbones = params.get("backbones") or {}
    known = {name: (backbones.get(name) or {}).get("imagenet_top1") for name in params["models"]}
    if params["baseline"]["pretrained"] == "imagenet":
        known = {BASELINE: KERAS_EFFICIENTNET_B0} | known
    split = words("reference.imagenet_split")
    return [
        _row(name, name, "imagenet_top1", float(top1["value"]), split, str(top1["source"]))
        for name, top1 in known.items()
        if top1
    ]


def _row(name: str, model: str | None, *values: Any) -> dict[str, Any]:
    named = dict(zip(("measure", "value", "split", "source_url"), values, strict=True))
    return {"name": name, "model": model, **named, "kind": "published"}
