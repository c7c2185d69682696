"""Debian's tuxpaint-stamps-default: drawings and photographs by folder, with a line of English and of French each."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from bakeoff.catalogue.params import DatasetParams
from bakeoff.catalogue.sources.base import RawProduct, Source, SourceUnavailableError, list_files

PACKAGE = "tuxpaint-stamps-default"
_INSIDE = Path("usr/share/tuxpaint/stamps")
_KEPT = {".png", ".txt"}
_FRENCH = "fr.utf8="


class StampsSource(Source):
    """Label = first folder below the stamps; the `.svg` twins and the sounds are left out.

    A `<name>_mirror.png` is a drawing of its own that Tux Paint shows when a stamp is flipped; it is a product.
    """

    IMAGES = "stamps"

    def acquire(self, dataset: DatasetParams, root: Path) -> None:
        """Unpack PNG and text files into `<root>/stamps`, from a .deb in the root or from apt; needs no root rights."""
        if self.present(dataset, root):
            return
        _require("dpkg", root)
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=".fetch-") as scratch:
            found = sorted(root.glob(f"{PACKAGE}*.deb"))  # one put there works offline
            package = found[0] if found else _download(Path(scratch), root)
            unpacked = Path(scratch) / "unpacked"
            _run(["dpkg", "-x", str(package), str(unpacked)], Path(scratch), reason="package_not_unpacked", root=root)
            kept = Path(scratch) / "stamps"
            for path in list_files(unpacked / _INSIDE):
                if path.suffix.lower() in _KEPT:
                    target = kept / path.relative_to(unpacked / _INSIDE)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    path.rename(target)
            kept.rename(root / "stamps")

    def read(self, dataset: DatasetParams, root: Path) -> list[RawProduct]:
        """Return one product per PNG: English line = title, French line = description."""
        folder = self.image_folder(dataset, root)
        products = []
        for path in list_files(folder):
            if path.suffix.lower() == ".png":
                relative = path.relative_to(folder)
                label = relative.parts[0] if len(relative.parts) > 1 else None
                product_id = "__".join(relative.with_suffix("").parts)
                products.append(RawProduct(product_id, relative.as_posix(), label, *_read_texts(path)))
        return products


def _read_texts(image: Path) -> tuple[str | None, str | None]:
    """Return the English first line and the French line beside a stamp or its twin, each null where it is missing."""
    files = [image.with_name(f"{name}.txt") for name in (image.stem, image.stem.removesuffix("_mirror"))]
    file = next((file for file in files if file.is_file()), None)
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file else []
    english = lines[0].strip() if lines and "=" not in lines[0].split(" ")[0] else ""
    french = next((line.removeprefix(_FRENCH).strip() for line in lines if line.startswith(_FRENCH)), "")
    return english or None, french or None


def _download(scratch: Path, root: Path) -> Path:
    """Return the package downloaded by apt-get; a machine without package lists gets private ones first."""
    _require("apt-get", root)
    apt = ["apt-get", "-q", "-o", "APT::Sandbox::User="]
    first = subprocess.run([*apt, "download", PACKAGE], cwd=scratch, capture_output=True, check=False)
    if first.returncode != 0:
        (scratch / "lists" / "partial").mkdir(parents=True)
        (scratch / "cache" / "archives" / "partial").mkdir(parents=True)
        apt += ["-o", f"Dir::State::lists={scratch / 'lists'}", "-o", f"Dir::Cache={scratch / 'cache'}"]
        for step in (["update"], ["download", PACKAGE]):
            _run([*apt, *step], scratch, reason="package_not_downloaded", root=root)
    if found := next(scratch.glob(f"{PACKAGE}*.deb"), None):
        return found
    raise _unavailable(f"apt-get left no {PACKAGE}*.deb", "package_not_downloaded", root)


def _require(tool: str, root: Path) -> None:
    if shutil.which(tool) is None:
        raise _unavailable(f"{tool} is missing on this machine", f"{tool.replace('-', '_')}_missing", root)


def _run(command: list[str], scratch: Path, *, reason: str, root: Path) -> None:
    done = subprocess.run(command, cwd=scratch, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise _unavailable(f"`{command[0]}` failed ({last})", reason, root)


def _unavailable(what: str, reason: str, root: Path) -> SourceUnavailableError:
    return SourceUnavailableError(
        f"the stamps cannot be fetched: {what}; put a {PACKAGE}*.deb into {root} (from "
        f"https://packages.debian.org/{PACKAGE}) and run again, or choose another dataset.",
        reason=reason,
    )
