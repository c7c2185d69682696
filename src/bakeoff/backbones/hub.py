"""Weights from the Hugging Face hub (timm's and NVIDIA's checkpoint files) and Keras' server; failures come fast."""

import hashlib
import http.client
import os
import re
import shutil
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from rich.progress import wrap_file

from bakeoff.core import hub_refusals
from bakeoff.core.errors import WeightsError
from bakeoff.core.files import replacing
from bakeoff.core.hub_refusals import refusal
from bakeoff.core.progress import screen
from bakeoff.records.weights import Reason, Source

SAFETENSORS = "model.safetensors"
KERAS_FILE = "efficientnetb0_notop.h5"
KERAS_URL = f"https://storage.googleapis.com/keras-applications/{KERAS_FILE}"
KERAS_MD5 = "50bc09e76180e00e4465e1a485ddc09d"  # keras 3.15.1, applications/efficientnet.py, WEIGHTS_HASHES["b0"]
_HTML = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body|meta|title|script)\b", re.I | re.S
)
_SNIFFED = 4096  # bytes
_BINARY = (".safetensors", ".bin", ".pth", ".pt")
WHAT_TO_DO: dict[Reason, str] = hub_refusals.WHAT_TO_DO | {  # type: ignore[assignment]
    "unreachable": "no answer: check the network, HTTPS_PROXY and HF_ENDPOINT, or put the file into weights.folder",
    "html_page": "an HTML page came instead of the file, a login page or a proxy's notice: log in there",
}
"""What to do about each reason why a server gave no file, those that tell most first."""


@dataclass(frozen=True)
class Found:
    """A checkpoint as published, not yet checked against the architecture."""

    path: Path
    source: Source
    url_or_id: str
    revision: str | None = None


def in_words(reason: Reason | None) -> str:
    """Return a reason, with what to do about it."""
    return f"{reason}: {WHAT_TO_DO[reason]}" if reason in WHAT_TO_DO else str(reason)


def find_on_hub(
    repo_id: str | None, file_names: tuple[str, ...], *, timeout_s: float, revision: str | None = None
) -> Found | Reason:
    """Return the first of `file_names` that the repository has, downloaded to huggingface_hub's cache, or the reason.

    One short request comes first: huggingface_hub itself retries a hub that fails for up to 60 s per file. Where that
    is refused, and with HF_HUB_OFFLINE, its cache alone is looked at. `revision` is a commit; None = the newest.
    """
    outcome: Found | Reason = "no_published_weights"
    for name in file_names if repo_id else ():
        outcome = _download(str(repo_id), name, timeout_s=timeout_s, revision=revision)
        if outcome != "not_found":
            return outcome
    return outcome


def find_keras_file(out_dir: Path, *, timeout_s: float, url: str = KERAS_URL, md5: str = KERAS_MD5) -> Found | Reason:
    """Download Keras' EfficientNet-B0 without its top into `out_dir`, checked against the digest Keras publishes.

    A WeightsError where the server gave another file; an HTML page is a reason like the others instead.
    """
    path = out_dir / KERAS_FILE
    if path.is_file() and _md5(path) == md5:
        return Found(path, "hub", url_or_id=url)
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return "unreachable"
    out_dir.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as response, partial.open("wb") as target:
            total = int(response.headers.get("Content-Length") or 0)
            with wrap_file(
                response, total, description="EfficientNet-B0 weights", console=screen(stderr=True), transient=True
            ) as shown:
                shutil.copyfileobj(shown, target)
        if _is_html(partial):
            return "html_page"
        if (found_md5 := _md5(partial)) != md5:
            raise WeightsError(
                f"{url} gave a file with MD5 {found_md5}, expected {md5}; something on the way changed it. Try again."
            )
        partial.replace(path)
    except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
        return refusal(error)
    finally:
        partial.unlink(missing_ok=True)
    return Found(path, "hub", url_or_id=url)


def _download(repo_id: str, name: str, *, timeout_s: float, revision: str | None) -> Found | Reason:
    from httpx2 import HTTPError  # the base of huggingface_hub's errors
    from huggingface_hub import errors, get_hf_file_metadata, hf_hub_download, hf_hub_url

    refused: Reason | None = None
    try:
        url = hf_hub_url(repo_id, name, revision=revision)
        if get_hf_file_metadata(url, timeout=timeout_s).etag is None:  # something answered, but not as a hub does
            refused = _what_answers(url, timeout_s)
    except errors.HFValidationError:  # cannot be a repository's name
        return "not_found"
    except (HTTPError, errors.OfflineModeIsEnabled, OSError) as error:
        refused = refusal(error)
    offline = refused is not None
    try:
        path = Path(hf_hub_download(repo_id, name, revision=revision, etag_timeout=timeout_s, local_files_only=offline))
    except (errors.LocalEntryNotFoundError, HTTPError) as error:
        return refused or refusal(error)
    except OSError as error:
        if error.errno is not None:  # the disk's; huggingface_hub's own, a file of another size, has no number
            raise
        sys.stderr.write(f"bakeoff: {repo_id}/{name}: {str(error).splitlines()[0]}\n")
        return _what_answers(url, timeout_s)
    if _is_html(path):
        path.resolve().unlink()  # the cache would hand it out for ever
        path.unlink(missing_ok=True)
        return "html_page"
    # The cache keeps …/snapshots/<commit>/<name>.
    return Found(path, "hub", url_or_id=repo_id, revision=path.parent.name)


def _what_answers(url: str, timeout_s: float) -> Reason:
    """Look at what came in place of the hub."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as response:
            return "html_page" if _HTML.match(response.read(_SNIFFED)) else "unreachable"
    except (OSError, http.client.HTTPException):
        return "unreachable"


def _is_html(path: Path) -> bool:
    return _HTML.match(_head(path)) is not None


def _head(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(_SNIFFED)


def refuse_stand_in(path: Path) -> None:
    """Raise a WeightsError for a Git LFS pointer or an HTML page under a weights file's name, also inside a folder."""
    for file in sorted(file for file in path.iterdir() if file.suffix in _BINARY) if path.is_dir() else [path]:
        if _head(file).startswith(b"version https://git-lfs"):
            raise WeightsError(f"{file} is a Git LFS pointer, not the weights: run `git lfs pull` in its repository.")
        if _is_html(file):
            raise WeightsError(f"{file} is an HTML page, not weights: download the file itself, logged in if need be.")


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def copy_file(source: Path, target: Path) -> None:
    """Copy a file whole or not at all; one that stands in for another is refused."""
    refuse_stand_in(source)
    with replacing(target) as partial:
        shutil.copyfile(source, partial)
