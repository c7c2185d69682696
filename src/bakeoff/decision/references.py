"""Published results to read beside ours, marked as such: other people's numbers on other people's test sets."""

from collections.abc import Mapping
from typing import Any

from bakeoff.core.translation import N_, Translator
from bakeoff.records.candidate import BASELINE

_RAKUTEN = {
    N_("Official baseline of the Rakuten challenge, text (RNN)"): 0.8113,
    N_("Official baseline of the Rakuten challenge, images (ResNet)"): 0.5534,
}
OFFICIAL = {"rakuten": ("https://challengedata.ens.fr/challenges/35", _RAKUTEN)}
"""Page and weighted F1 of the baselines that a publisher states, by the beginning of the data set's name."""

KERAS_EFFICIENTNET_B0 = {"value": 0.771, "source": "https://keras.io/api/applications/"}
"""The baseline has no entry in conf/model/; these are the weights that `baseline.pretrained: imagenet` loads."""


def references(params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return choice.json's `references`: official baselines of this data set, then ImageNet top-1 of the backbones.

    `params` is params.yaml as plain values. `model` is null for official baselines, `value` a share; a backbone whose
    conf file states no `imagenet_top1` has no row.
    """
    t = Translator(params.get("language", "en"))
    challenge, imagenet = t.gettext("the challenge's test set"), t.gettext("ImageNet-1k validation")
    rows = [
        (t.gettext(title), None, "weighted_f1", value, challenge, url)
        for beginning, (url, stated) in OFFICIAL.items()
        if str(params["dataset"]["name"]).lower().startswith(beginning)
        for title, value in stated.items()
    ]
    backbones = params.get("backbones") or {}
    known = {name: (backbones.get(name) or {}).get("imagenet_top1") for name in params["models"]}
    if params["baseline"]["pretrained"] == "imagenet":
        known = {BASELINE: KERAS_EFFICIENTNET_B0} | known
    rows += [
        (name, name, "imagenet_top1", float(top1["value"]), imagenet, str(top1["source"]))
        for name, top1 in known.items()
        if top1
    ]
    names = ("name", "model", "measure", "value", "split", "source_url")
    return [dict(zip(names, row, strict=True)) | {"kind": "published"} for row in rows]
