"""How fast are photos read from the packed store, and what does packing them cost?

    PYTHONPATH=src .venv-torch/bin/python benchmarks/data.py [--full]        (.venv-tf: reading alone)

The photos are 500x500 JPEGs of 30 KiB, made here. `arrays`: 224-px arrays at random from the store against Pillow's
open and resize of the originals, in turns, as thread CPU time. `best_other`: the same against the best of ImageFolder
and, with `--full`, webdataset and datasets, where these are installed. `pack`: CPU of `prepare`'s packing against
decoding alone. `growth`: CPU a photo of the whole `prepare` for four times as many (1,000; `--full`: 20,000 against
5,000). `anonymous_gib`: RssAnon of all processes at its highest; `--full` alone, 85,000 (an hour).
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import io
import json
import os
import re
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from bakeoff.core.allocator import keep_freed_memory
from bakeoff.core.seeding import set_threads
from bakeoff.data.store import ImageStore, StoreWriter
from bakeoff.data.transforms import transform_photo
from bakeoff.records.settings import Geometry

SIDE, RESIZED, N_READ, ROUNDS = 224, 256, 100, 5
PREPARE = """
import sys
from pathlib import Path
from bakeoff.catalogue.fetch import fetch
from bakeoff.catalogue.params import DatasetParams, PrepareParams
from bakeoff.catalogue.prepare import prepare
from bakeoff.core.section import load_section
if __name__ == "__main__":
    dataset = load_section(Path(sys.argv[1]), DatasetParams)
    dataset = dataset.model_copy(update={"kind": "folder", "root": "data/raw/benchmark", "duplicates": "group"})
    fetch(dataset, Path.cwd(), Path("data/source.json"))
    prepare(Path("data/source.json"), dataset, load_section(Path(sys.argv[1]), PrepareParams), Path("data/catalogue"))
"""


def photo(number: int) -> bytes:
    """Return a smooth picture with a little grain, as a JPEG of about 30 KiB: the size of a shop's."""
    rng = np.random.default_rng(number)
    soft = Image.fromarray(rng.integers(0, 255, (20, 20, 3), dtype=np.uint8)).resize((500, 500))
    grain = rng.integers(-2, 3, (500, 500, 1))
    buffer = io.BytesIO()
    Image.fromarray(np.clip(np.asarray(soft).astype(int) + grain, 0, 255).astype(np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def plainly(source: Path | io.BytesIO) -> np.ndarray:
    """Return a photo as Pillow's users get it."""
    with Image.open(source) as opened:
        resized = opened.convert("RGB").resize((RESIZED, RESIZED), Image.Resampling.BICUBIC)
    edge = (RESIZED - SIDE) // 2
    return np.asarray(resized.crop((edge, edge, edge + SIDE, edge + SIDE)))


def in_turns(passes: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return each pass's least CPU seconds of a few rounds."""
    best = dict.fromkeys(passes, float("inf"))
    for _ in range(ROUNDS):
        for name, call in passes.items():
            began = time.thread_time()
            call()
            best[name] = min(best[name], time.thread_time() - began)
    return best


def others(folder: Path, *, full: bool) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what each library installed here makes of the photos; one that is not is named on stderr."""
    if importlib.util.find_spec("torchvision"):
        from bakeoff.backbones.compat import import_timm

        import_timm()
        from torchvision.datasets import ImageFolder
        from torchvision.transforms import v2

        steps = v2.Compose([v2.Resize(RESIZED, v2.InterpolationMode.BICUBIC), v2.CenterCrop(SIDE), v2.PILToTensor()])
        images = ImageFolder(str(folder), transform=steps)
        yield "imagefolder", lambda: [images[n] for n in range(len(images))]
    for name in ("webdataset", "datasets") if full else ():
        if not importlib.util.find_spec(name):
            sys.stderr.write(f"{name} is not installed: left out\n")
    if full and importlib.util.find_spec("webdataset"):
        import webdataset

        with tarfile.open(folder.parent / "photos.tar", "w") as tar:
            for path in sorted(folder.rglob("*.jpg")):
                tar.add(path, path.name)
        url = str(folder.parent / "photos.tar")
        made = webdataset.WebDataset(url, shardshuffle=False).decode("pil").to_tuple("jpg").map_tuple(steps)
        yield "webdataset", lambda: list(made)
    if full and importlib.util.find_spec("datasets"):
        import datasets

        table = datasets.Dataset.from_dict({"image": [str(path) for path in sorted(folder.rglob("*.jpg"))]})
        table = table.cast_column("image", datasets.Image())
        yield "datasets", lambda: [steps(table[n]["image"]) for n in range(len(table))]


def reading(folder: Path, *, full: bool) -> dict[str, float]:
    """Return the ratios of reading, and how far off the pixels are."""
    if importlib.util.find_spec("torch"):
        import torch  # noqa: F401  (or its threads are not set)
    set_threads(1)  # as in a loader process
    keep_freed_memory()
    photos = folder / "photos" / "one class"
    photos.mkdir(parents=True)
    paths = [photos / f"{number}.jpg" for number in range(N_READ)]
    with StoreWriter(folder / "images.arrow") as writer:
        for number, path in enumerate(paths):
            path.write_bytes(photo(number))
            writer.append(path.read_bytes())
    store = ImageStore(folder / "images.arrow")
    order = np.random.default_rng(0).permutation(N_READ).tolist()
    used = Geometry(image_size=SIDE, crop_pct=SIDE / RESIZED, crop_mode="center", interpolation="bicubic")
    ours = functools.partial(transform_photo, used=used)
    off = max(np.abs(ours(store.read(n)).astype(int) - plainly(paths[n])).max() for n in order)
    passes: dict[str, Callable[[], object]] = {
        "store": lambda: [ours(store.read(n)) for n in order],
        "pillow": lambda: [plainly(paths[n]) for n in order],
    }
    seconds = in_turns(passes | dict(others(folder / "photos", full=full)))
    found = {"arrays": seconds["pillow"] / seconds["store"], "grey_levels_off": float(off)}
    libraries = {name: value / seconds["store"] for name, value in seconds.items() if name not in passes}
    return found | libraries | ({"best_other": min(libraries.values())} if libraries else {})


def packing() -> dict[str, float]:
    """Return the CPU of packing a photo over that of decoding it."""
    from bakeoff.catalogue.pack import pack_bytes
    from bakeoff.records.catalogue import PackParams

    params = PackParams(store_px=512, max_megapixels=80, min_side_px=16)
    encoded = [photo(number) for number in range(30)]
    seconds = in_turns(
        {
            "pack": lambda: [pack_bytes(one, params) for one in encoded],
            "decode": lambda: [Image.open(io.BytesIO(one)).load() for one in encoded],
        }
    )
    return {"pack": seconds["pack"] / seconds["decode"]}


def prepared(root: Path, n_photos: int) -> tuple[float, float]:
    """Return the CPU seconds a photo of preparing so many, and the most anonymous memory of all its processes, GiB."""
    classes = root / "data" / "raw" / "benchmark"
    for number in range(n_photos):
        folder = classes / f"class {number % 10}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.jpg").write_bytes(photo(number))
    (root / "run.py").write_text(PREPARE)
    paths = os.pathsep.join([str(Path(__file__).resolve().parents[1] / "src"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"BAKEOFF_ROOT": str(root), "PYTHONPATH": paths}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "run.py", str(Path("params.yaml").resolve())]
    most, running = 0.0, subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.DEVNULL)
    while running.poll() is None:
        most = max(most, anonymous_gib(running.pid))
        time.sleep(0.2)
    if running.returncode:
        sys.exit("prepare failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / n_photos, most


def anonymous_gib(pid: int) -> float:
    """Return RssAnon of a process and of those it started, GiB."""
    import psutil

    total = 0
    try:
        for one in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            found = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{one.pid}/status").read_text())
            total += int(found[1]) if found else 0
    except (OSError, psutil.Error):  # it ended meanwhile
        pass
    return total / 2**20


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    full = parser.parse_args().full
    torch = importlib.util.find_spec("torch") is not None
    with tempfile.TemporaryDirectory() as scratch:
        figures = reading(Path(scratch) / "reading", full=full)
        if torch:
            figures |= packing()
            few, many = (prepared(Path(scratch) / str(n), n)[0] for n in ((5000, 20000) if full else (250, 1000)))
            figures["growth"] = many / few
        if torch and full:
            figures["anonymous_gib"] = prepared(Path(scratch) / "all", 85000)[1]
    bars = {"arrays": 3 if torch else 1.2, "grey_levels_off": 1 if torch else 0}
    bars |= {"best_other": 2, "pack": 6.7, "growth": 1.1, "anonymous_gib": 2} if torch else {}
    shown = {name: round(value, 2) for name, value in figures.items()}
    print(json.dumps({"benchmark": "data", "figures": shown, "bars": bars}))


if __name__ == "__main__":
    main()
