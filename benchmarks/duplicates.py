"""How many changed copies of a photo are found, how many different photos are taken for one, and what does it cost?

    PYTHONPATH=src .venv-torch/bin/python benchmarks/duplicates.py [--full] [--stamps data/raw/stamps]

Pictures are the generated catalogue's and, where they are there, the stamps'. Each change is tried on every picture by
itself: is it in one group with its changed copy? `phash` is the perceptual hash alone at the data set's distance, `all`
what `prepare` does. False pairs are pairs of different pictures in one group. By default a part of the pictures and
10,000 products (under a minute); `--full` has all of them and 85,000.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from bakeoff.catalogue.duplicates import View, find_views, group_duplicates, perceptual_hashes
from bakeoff.catalogue.pack import pack_bytes
from bakeoff.catalogue.params import SyntheticParams
from bakeoff.catalogue.sources.synthetic import generate
from bakeoff.data.decode import Rejection, decode
from bakeoff.records.catalogue import PackParams

PACK = PackParams(store_px=256, max_megapixels=80, min_side_px=16)
LEFT_OUT = {  # conf/dataset/stamps.yaml: exclude_labels
    *("symbols", "seasonal", "space", "hobbies", "sports", "military", "medical", "people", "naturalforces")
}
DISTANCES = {"stamps": 8, "synthetic": 4}  # the demo's, and the one of a shop's own catalogue
Described = tuple[int, tuple[View, ...]]


def frame(picture: Image.Image, share: float, colour: object) -> Image.Image:
    """Return the picture with a margin of `share` of its longer side."""
    return ImageOps.expand(picture, round(share * max(picture.size)), colour)  # type: ignore[arg-type]


def square(picture: Image.Image, colour: str) -> Image.Image:
    """Return the picture padded to a square."""
    return ImageOps.pad(picture, (max(picture.size), max(picture.size)), color=colour)


def crop(picture: Image.Image, share: float, *, corner: bool = False) -> Image.Image:
    """Return the picture without `share` of its width and height: evenly around, or off two sides."""
    width, height = picture.size
    across, down = round(share * width / 2), round(share * height / 2)
    if corner:
        return picture.crop((0, 0, width - 2 * across, height - 2 * down))
    return picture.crop((across, down, width - across, height - down))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "jpeg_60": lambda picture: picture,  # saved at 60 below, the others at 92
    "half_size": lambda picture: picture.resize((max(16, picture.width // 2), max(16, picture.height // 2))),
    "margin_5_white": lambda picture: frame(picture, 0.05, "white"),
    "margin_10_white": lambda picture: frame(picture, 0.10, "white"),
    "margin_15_white": lambda picture: frame(picture, 0.15, "white"),
    "margin_10_grey": lambda picture: frame(picture, 0.10, (128, 128, 128)),
    "margin_15_black": lambda picture: frame(picture, 0.15, "black"),
    "square_white": lambda picture: square(picture, "white"),
    "square_black": lambda picture: square(picture, "black"),
    "crop_5": lambda picture: crop(picture, 0.05),
    "crop_10": lambda picture: crop(picture, 0.10),
    "crop_20": lambda picture: crop(picture, 0.20),
    "corner_10": lambda picture: crop(picture, 0.10, corner=True),
    "brighter_20": lambda picture: ImageEnhance.Brightness(picture).enhance(1.2),
    "darker_20": lambda picture: ImageEnhance.Brightness(picture).enhance(0.8),
    "recoloured": lambda picture: Image.merge("RGB", picture.split()[::-1]),
}
BARS = {
    f"{name}_{data}": 0.95
    for data in DISTANCES
    for name in CHANGES
    if name.startswith(("margin", "square", "jpeg", "half"))
} | {"group_cpu_s": 120.0}


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="all pictures, 85,000 products")
    parser.add_argument("--stamps", type=Path, default=Path("data/raw/stamps"), help="the stamps' raw folder")
    arguments = parser.parse_args()
    figures: dict[str, object] = {}
    for data, (pictures, owners) in collect(arguments.stamps).items():
        chosen = pictures if arguments.full else pictures[:: max(1, len(pictures) // 40)]
        rates = measure_rates(chosen, DISTANCES[data])
        print(f"{data}, {len(chosen)} pictures: {rates}", file=sys.stderr, flush=True)
        figures |= {f"{name}_{data}": rate["all"] for name, rate in rates.items()}
        figures[data] = {"phash_alone": {name: rate["phash"] for name, rate in rates.items()}}
        figures[data] |= count_false_pairs(pictures, owners, DISTANCES[data])  # type: ignore[operator]
    figures |= time_per_photo() | time_of_grouping(85_000 if arguments.full else 10_000)
    print(json.dumps({"benchmark": "duplicates", "figures": figures, "bars": BARS}))


def collect(stamps: Path) -> dict[str, tuple[list[Image.Image], list[str]]]:
    """Return each data set's pictures and, for each, the product that it is a copy of (itself for most)."""
    found = {"synthetic": generated()}
    paths = [path for path in sorted((stamps / "stamps").rglob("*.png")) if not LEFT_OUT & set(path.parts)]
    decoded = [decode(path.read_bytes(), max_megapixels=80, min_side_px=16) for path in paths]
    pictures = [item.image for item in decoded if not isinstance(item, Rejection)]
    return found | ({"stamps": (pictures, [str(n) for n in range(len(pictures))])} if pictures else {})


def generated() -> tuple[list[Image.Image], list[str]]:
    """Return the generated catalogue's 408 sound pictures, and what each is a copy of."""
    with tempfile.TemporaryDirectory() as scratch:
        truths = generate(Path(scratch), SyntheticParams(n_per_class=60, image_px=160, seed=0))
        sound = {name: truth for name, truth in truths.items() if not truth.broken}
        pictures = [Image.open(Path(scratch) / "Images" / f"{name}.jpg").convert("RGB") for name in sound]
    return pictures, [truth.duplicate_of or name for name, truth in sound.items()]


def describe(picture: Image.Image) -> Described:
    """Return what `prepare` keeps of a picture to find its copies."""
    return perceptual_hashes(picture)[0], find_views(picture)


def group(described: Sequence[Described], distance: int, *, with_views: bool) -> np.ndarray:
    """Return the group of each, (N,) int64."""
    hashes = np.array([phash for phash, _ in described], dtype=np.uint64)
    views = [views for _, views in described] if with_views else ()
    return group_duplicates([str(n) for n in range(len(hashes))], hashes, distance=distance, views=views)


def measure_rates(pictures: Sequence[Image.Image], distance: int) -> dict[str, dict[str, float]]:
    """Return for each change the share of pictures that are in one group with their changed copy."""
    originals = [describe(picture) for picture in pictures]
    rates = {}
    for name, change in CHANGES.items():
        copies = [describe(saved(change(picture), 60 if name == "jpeg_60" else 92)) for picture in pictures]
        together = {
            key: [
                not group(pair, distance, with_views=key == "all").any() for pair in zip(originals, copies, strict=True)
            ]
            for key in ("phash", "all")
        }
        rates[name] = {key: round(float(np.mean(hits)), 3) for key, hits in together.items()}
    return rates


def saved(picture: Image.Image, quality: int) -> Image.Image:
    """Return the picture as a JPEG file gives it back."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def count_false_pairs(pictures: Sequence[Image.Image], owners: Sequence[str], distance: int) -> dict[str, int]:
    """Return how many pairs there are and how many different pictures share a group, by the hash alone and by all."""
    described, names = [describe(picture) for picture in pictures], np.array(owners)
    different = np.triu(names[:, None] != names[None], k=1)
    counts = {"n_pairs": int(different.sum())}
    for key in ("phash", "all"):
        groups = group(described, distance, with_views=key == "all")
        counts[f"false_pairs_{key}"] = int((different & (groups[:, None] == groups[None])).sum())
    return counts


def time_per_photo() -> dict[str, float]:
    """Return ms to pack a noisy photo of 1 and of 12 megapixels, and of that, what finding copies takes."""
    rng, times = np.random.default_rng(0), {}
    for name, size in {"1mp": (866, 1155), "12mp": (3000, 4000)}.items():
        coarse = Image.fromarray(rng.integers(0, 256, (size[0] // 40, size[1] // 40, 3), dtype=np.uint8))
        buffer = io.BytesIO()
        coarse.resize((size[1], size[0]), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
        for key, hashes in (("pack", False), ("pack_and_hash", True)):
            best = min(
                timed(lambda found=buffer, on=hashes: pack_bytes(found.getvalue(), PACK, hashes=on)) for _ in range(3)
            )
            times[f"{key}_{name}_ms"] = round(1000 * best, 1)
    return times


def time_of_grouping(n: int) -> dict[str, float]:
    """Return seconds and MiB to group n products whose hashes differ by chance, mirrored ones compared as well."""
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, (n, 5), dtype=np.uint64)
    views = [tuple(View(int(phash), rng.bytes(192), (0.0, 0.0, 0.0)) for phash in row) for row in hashes[:, 2:]]
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    seconds = timed(
        lambda: group_duplicates(
            [str(k) for k in range(n)], hashes[:, 0], distance=4, mirrored=hashes[:, 1], views=views
        )
    )
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    wall = time.perf_counter() - start
    return {"n_grouped": n, "group_s": round(wall, 1), "group_cpu_s": round(seconds, 1), "group_mib": round(grown)}


def timed(work: Callable[[], object]) -> float:
    """Return the processor's seconds that `work` takes, which other programs on the machine change little."""
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
