"""How many changed copies of a photo are found, how many different photos are taken for one, and what does it cost?

    PYTHONPATH=src .venv-torch/bin/python benchmarks/duplicates.py [--full] [--stamps data/raw/stamps]

Pictures are the generated catalogue's and, where they are there, the stamps'. Each change is tried on every picture by
itself: is it in one group with its changed copy (`found`), and is it taken for a copy, which `duplicates: drop` leaves
out (`copies`)? Of recoloured variants, those count that differ by two grey levels or more on average. False pairs are
pairs of different pictures; `random` ones are of a few drawn shapes. Times are of the processor, ratios interleaved.
By default a part of everything (a minute); `--full` has all pictures, 50,000 random ones and a million hashes.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from bakeoff.catalogue.duplicates import Duplicates, find_duplicates, find_near
from bakeoff.catalogue.measures import VIEW, Fingerprint, Thumbnail, fingerprint
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


def scale(picture: Image.Image, share: float) -> Image.Image:
    """Return the picture smaller, but no side below the 16 px that a catalogue takes; its proportions stay."""
    share = max(share, 16 / min(picture.size))
    return picture.resize((round(share * picture.width), round(share * picture.height)))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "jpeg_60": lambda picture: picture,  # saved at 60 below, the others at 92
    "half_size": lambda picture: scale(picture, 0.5),
    "square_size": lambda picture: picture.resize((160, 160)),
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
}
RECOLOURED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "red_blue": lambda picture: Image.merge("RGB", picture.split()[::-1]),
    "hue_30": lambda picture: turn_hue(picture, 30),
    "hue_60": lambda picture: turn_hue(picture, 60),
    "hue_120": lambda picture: turn_hue(picture, 120),
    "grey": lambda picture: picture.convert("L").convert("RGB"),
    "paler_40": lambda picture: picture.point([round(255 - 0.6 * (255 - value)) for value in range(256)] * 3),
}
FOUND = {"jpeg": 0.98, "half": 0.98, "margin": 0.9, "square": 0.9, "crop_5": 0.9, "crop_10": 0.9}
BARS = (
    {
        f"{name}_{data}": low
        for data in DISTANCES
        for name in CHANGES
        for key, low in FOUND.items()
        if name.startswith(key)
    }
    | {f"{name}_copies_{data}": 0.05 for data in DISTANCES for name in RECOLOURED}
    | {"false_pairs_random": 1, "search_times_faster": 5, "search_million_s": 60, "search_million_mib": 1024}
)


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="all pictures, 85,000 products")
    parser.add_argument("--stamps", type=Path, default=Path("data/raw/stamps"), help="the stamps' raw folder")
    arguments = parser.parse_args()
    figures: dict[str, object] = {}
    for data, (pictures, owners) in collect(arguments.stamps).items():
        chosen = pictures if arguments.full else pictures[:: max(1, len(pictures) // 25)]
        found, copies = measure_rates(chosen, DISTANCES[data])
        print(f"{data}, {len(chosen)} pictures: {found}, as copies: {copies}", file=sys.stderr, flush=True)
        figures |= {f"{name}_{data}": rate for name, rate in found.items()}
        figures |= {f"{name}_copies_{data}": copies.pop(name) for name in RECOLOURED}
        figures[data] = {"copies": copies} | count_false_pairs(pictures, owners, DISTANCES[data])
    figures |= time_per_photo() | time_search(full=arguments.full)
    figures |= count_false_pairs_of_random(50_000 if arguments.full else 1_000)
    figures |= time_of_grouping(85_000 if arguments.full else 5_000)
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


def turn_hue(picture: Image.Image, degrees: int) -> Image.Image:
    """Return the picture with every hue turned."""
    hue, saturation, value = picture.convert("HSV").split()
    turned = hue.point([(step + round(degrees * 256 / 360)) % 256 for step in range(256)])
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


def find(prints: Sequence[Fingerprint], distance: int) -> Duplicates:
    """Return what `prepare` finds among the pictures."""
    hashes, mirrored = (np.array([getattr(own, name) for own in prints], np.uint64) for name in ("phash", "mirrored"))
    digests = [str(n) for n in range(len(prints))]
    return find_duplicates(digests, hashes, distance=distance, mirrored=mirrored, views=[own.views for own in prints])


def measure_rates(pictures: Sequence[Image.Image], distance: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return for each change the share of pictures that are grouped with their changed copy, and taken for a copy."""
    originals = [fingerprint(Thumbnail(picture)) for picture in pictures]
    found, copies = {}, {}
    for name, change in (CHANGES | RECOLOURED).items():
        pairs = []
        for original, picture in zip(originals, pictures, strict=True):
            changed = change(picture)
            if name in RECOLOURED and np.abs(np.asarray(picture, int) - np.asarray(changed, int)).mean() < 2:
                continue
            quality = 60 if name == "jpeg_60" else 92
            pairs.append(find([original, fingerprint(Thumbnail(saved(changed, quality)))], distance))
        found[name] = round(float(np.mean([not pair.groups.any() for pair in pairs])), 3)
        copies[name] = round(float(np.mean([not pair.copies.any() for pair in pairs])), 3)
    return found, copies


def saved(picture: Image.Image, quality: int) -> Image.Image:
    """Return the picture as a JPEG file gives it back."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def count_false_pairs(pictures: Sequence[Image.Image], owners: Sequence[str], distance: int) -> dict[str, int]:
    """Return how many pairs there are, and how many different pictures share a group or are taken for copies."""
    found, names = find([fingerprint(Thumbnail(picture)) for picture in pictures], distance), np.array(owners)
    different = np.triu(names[:, None] != names[None], k=1)
    counts = {"n_pairs": int(different.sum())}
    for key, first in found._asdict().items():
        counts[f"false_pairs_{key}"] = int((different & (first[:, None] == first)).sum())
    return counts


def draw_random(number: int) -> Image.Image:
    """Return a product of three to nine coloured shapes, on white or (one of three) on a coloured ground."""
    rng = np.random.default_rng(number)
    ground = rng.integers(0, 256, 3) if number % 3 == 0 else (255, 255, 255)
    picture = Image.new("RGB", (160, int(rng.integers(110, 200))), tuple(map(int, ground)))
    pen, size = ImageDraw.Draw(picture), np.array(picture.size)
    for _ in range(int(rng.integers(3, 10))):
        middle, half = size * rng.uniform(0.25, 0.75, 2), size * rng.uniform(0.05, 0.25, 2)
        colour = tuple(map(int, rng.integers(0, 256, 3)))
        if rng.random() < 0.5:
            pen.ellipse([*(middle - half), *(middle + half)], fill=colour)
        else:
            corners = middle + half * rng.uniform(-1, 1, (int(rng.integers(3, 7)), 2))
            pen.polygon([tuple(corner) for corner in corners.tolist()], fill=colour)
    return picture


def count_false_pairs_of_random(n: int) -> dict[str, int]:
    """Return how many of n random products share a group with another one, or are taken for copies of one."""
    found = find([fingerprint(Thumbnail(draw_random(number))) for number in range(n)], 8)
    places = np.arange(n)
    lost = {key: int((first != places).sum()) for key, first in found._asdict().items()}
    return {"n_random": n, "false_pairs_random": lost["copies"], "false_groups_random": lost["groups"]}


def all_with_all(hashes: np.ndarray, distance: int) -> int:
    """Return how many pairs are near by comparing all with all in blocks, as was done before `find_near`."""
    n_near = 0
    for start in range(0, len(hashes), 128):
        for other in range(0, min(start + 128, len(hashes)), 4096):
            near = np.bitwise_count(hashes[start : start + 128, None] ^ hashes[other : other + 4096]) <= distance
            rows, columns = np.divmod(np.flatnonzero(near), near.shape[1])
            n_near += int((rows + start > columns + other).sum())
    return n_near


def search(n: int) -> None:
    """Search a million hashes in a process of its own, for its memory, and print seconds and MiB."""
    hashes = np.unique(np.random.default_rng(0).integers(0, 2**64, n, dtype=np.uint64))
    seconds = timed(lambda: sum(map(len, find_near(hashes, 8))))
    status = Path("/proc/self/status").read_text()  # ru_maxrss would count what the parent held
    peak_mib = int(status.split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps({"search_million_s": round(seconds, 1), "search_million_mib": round(peak_mib)}))


def time_search(*, full: bool) -> dict[str, float]:
    """Return seconds to find the pairs of 85,000 hashes within 8 bits, and how many times faster than all with all."""
    hashes = np.unique(np.random.default_rng(0).integers(0, 2**64, 85_000, dtype=np.uint64))
    times = [
        (timed(lambda: sum(map(len, find_near(hashes, 8)))), timed(lambda: all_with_all(hashes, 8)))
        for _ in range(3 if full else 1)
    ]
    ours, before = np.median(times, axis=0)
    figures = {"search_s": round(ours, 2), "all_with_all_s": round(before, 1), "search_times_faster": before / ours}
    if full:
        command = [sys.executable, "-c", "import duplicates; duplicates.search(10**6)"]
        told = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True).stdout
        figures |= json.loads(told)
    return figures


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
    views = np.zeros((n, 5), VIEW)
    views["phash"] = rng.integers(0, 2**64, (n, 5), dtype=np.uint64)
    prints = [Fingerprint(own["phash"][0], own["phash"][0] ^ np.uint64(2**64 - 1), own) for own in views]
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    seconds = timed(lambda: find(prints, 4))
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
