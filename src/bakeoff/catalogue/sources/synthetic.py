"""A generated catalogue with known ground truth: where the object is, what tells classes apart, what was planted."""

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFilter

from bakeoff.catalogue.params import DatasetParams, SyntheticParams
from bakeoff.catalogue.sources.base import RawProduct, Source
from bakeoff.core.errors import DataError


@dataclass(frozen=True)
class Look:
    """What the objects of one class look like, and what alone tells the class from its twin."""

    shape: str
    colour: tuple[int, int, int]
    texture: str
    told_apart_by: str
    twin: str
    english: str
    french: str


_GREY = (90, 90, 90)
CLASSES: dict[str, Look] = {
    "red_ball": Look("disc", (200, 40, 40), "plain", "colour", "blue_ball", "red ball", "balle rouge"),
    "blue_ball": Look("disc", (40, 70, 200), "plain", "colour", "red_ball", "blue ball", "balle bleue"),
    "green_box": Look("square", (40, 150, 70), "plain", "shape", "green_tent", "green box", "boîte verte"),
    "green_tent": Look("triangle", (40, 150, 70), "plain", "shape", "green_box", "green tent", "tente verte"),
    "striped_towel": Look("square", _GREY, "stripes", "texture", "dotted_towel", "striped towel", "serviette rayée"),
    "dotted_towel": Look("square", _GREY, "dots", "texture", "striped_towel", "dotted towel", "serviette à pois"),
}
DEFECTS = ("blur", "border", "colour_cast")
_EVERY = 15  # one of so many products gets each defect, and one of so many a duplicate
_BROKEN = ("Broken photo", "Photo cassée")


@dataclass
class Truth:
    """What is known about one product; `bbox_px` is left, top, right, bottom of the object, half-open."""

    label: str
    bbox_px: tuple[int, ...] | None
    defects: list[str] = field(default_factory=list)
    duplicate_of: str | None = None
    duplicate_kind: str | None = None
    broken: str | None = None


class SyntheticSource(Source):
    """Writes `products.csv`, `Images/` and `truth.json`, the same for the same seed."""

    IMAGES = "Images"

    def present(self, dataset: DatasetParams, root: Path) -> bool:
        """Return whether the root holds the catalogue of these very params."""
        record = root / "truth.json"
        if not record.is_file() or dataset.synthetic is None:
            return record.is_file()
        return json.loads(record.read_text(encoding="utf-8")).get("params") == dataset.synthetic.model_dump()

    def acquire(self, dataset: DatasetParams, root: Path) -> None:
        """Generate the catalogue where it is not there."""
        if self.present(dataset, root):
            return
        if dataset.synthetic is None:
            raise DataError("dataset.synthetic must say n_per_class, image_px and seed for kind synthetic, got null.")
        generate(root, dataset.synthetic)

    def read(self, dataset: DatasetParams, root: Path) -> list[RawProduct]:
        """Return one product per row of products.csv, with the box that truth.json knows."""
        table = pd.read_csv(root / "products.csv", dtype=str, keep_default_na=False)
        truths = json.loads((root / "truth.json").read_text(encoding="utf-8"))["products"]
        boxes = [truths.get(product_id, {}).get("bbox_px") for product_id in table["id"]]
        rows = zip(table.itertuples(index=False, name=None), boxes, strict=True)
        return [RawProduct(*cells, box=tuple(box) if box else None) for cells, box in rows]


def generate(root: Path, params: SyntheticParams) -> dict[str, Truth]:
    """Write the catalogue into `root`, replacing an earlier one, and return the truth by product id.

    Every class has `n_per_class` sound products, some blurred, bordered or with a colour cast; exact and
    near-duplicates and three broken files come on top.
    """
    images = root / "Images"
    if images.exists() and not (root / "truth.json").is_file():
        raise DataError(f"{root} holds photos that were not generated; give the generated catalogue a root of its own.")
    if images.exists():
        shutil.rmtree(images)
    images.mkdir(parents=True)
    (root / "truth.json").write_text("{}", encoding="utf-8")  # marks the folder as ours while it is incomplete
    truths: dict[str, Truth] = {}
    texts: dict[str, tuple[str, str]] = {}
    for class_number, (label, look) in enumerate(CLASSES.items()):
        for number in range(params.n_per_class):
            rng = np.random.default_rng([params.seed, class_number, number])
            product_id = f"{label}_{number:04d}"
            picture, box = _draw(look, params.image_px, rng)
            truths[product_id] = truth = Truth(label, box)
            picture = _plant_defect(picture, number, truth)
            picture.save(images / f"{product_id}.jpg", quality=92)
            texts[product_id] = _texts(look, number, rng)
            if number % _EVERY == 0:
                _plant_duplicates(images, picture, product_id, truths)
    _plant_broken(images, truths)
    rows = [
        (name, f"{name}.jpg", one.label, *texts.get(one.duplicate_of or name, _BROKEN)) for name, one in truths.items()
    ]
    table = pd.DataFrame(rows, columns=["id", "image", "label", "title", "description"])
    table.to_csv(root / "products.csv", index=False)
    record = {
        "params": params.model_dump(),
        "classes": {label: asdict(look) for label, look in CLASSES.items()},
        "products": {product_id: asdict(truth) for product_id, truth in truths.items()},
    }
    (root / "truth.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return truths


def _draw(look: Look, side: int, rng: np.random.Generator) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """Return a picture of one object on a light, noisy ground, and the object's box in px."""
    ground = rng.integers(205, 245, size=3) + rng.normal(0, 6, size=(side, side, 3))
    slope = np.linspace(-1, 1, side)[:, None, None] * rng.uniform(-15, 15)
    picture = Image.fromarray(np.clip(ground + slope, 0, 255).astype(np.uint8))
    size = int(side * rng.uniform(0.35, 0.65))
    left, top = (int(rng.integers(0, side - size + 1)) for _ in range(2))
    mask = _shape_mask(look.shape, size)
    shade = np.array(look.colour) + rng.integers(-18, 19)
    surface = np.clip(shade + rng.normal(0, 5, size=(size, size, 3)), 0, 255).astype(np.uint8)
    surface = _apply_texture(surface, look.texture, period=max(4, size // 7))
    picture.paste(Image.fromarray(surface), (left, top), mask)
    return picture, (left, top, left + size, top + size)


def _shape_mask(shape: str, size: int) -> Image.Image:
    """Return an 8-bit mask that touches all four sides of its box, so that the box is the object's."""
    mask = Image.new("L", (size, size), 0)
    pen, end = ImageDraw.Draw(mask), size - 1
    if shape == "disc":
        pen.ellipse((0, 0, end, end), fill=255)
    elif shape == "triangle":
        pen.polygon([(0, end), (end, end), (end // 2, 0)], fill=255)
    else:
        pen.rectangle((0, 0, end, end), fill=255)
    return mask


def _apply_texture(surface: np.ndarray, texture: str, *, period: int) -> np.ndarray:
    """Return the (size, size, 3) uint8 surface with half of it lightened: in stripes, or in a checker of dots."""
    if texture == "plain":
        return surface
    band = (np.arange(len(surface)) // (period // 2)) % 2 == 0
    light = np.broadcast_to(band[:, None], surface.shape[:2]) if texture == "stripes" else band[:, None] ^ band[None, :]
    return np.where(light[..., None], np.minimum(surface.astype(int) + 110, 255), surface).astype(np.uint8)


def _plant_defect(picture: Image.Image, number: int, truth: Truth) -> Image.Image:
    """Return the picture; every few are blurred, or get a white border of a quarter of their side, or a red cast."""
    side, defect = picture.width, dict(enumerate(DEFECTS, start=1)).get(number % _EVERY)
    if defect is None:
        return picture
    truth.defects.append(defect)
    if defect == "blur":
        return picture.filter(ImageFilter.GaussianBlur(side / 40))
    if defect == "colour_cast":
        return Image.fromarray(np.clip(np.asarray(picture) * np.array([1.25, 0.85, 0.85]), 0, 255).astype(np.uint8))
    inner, margin = side // 2, side // 4
    framed = Image.new("RGB", picture.size, "white")
    framed.paste(picture.resize((inner, inner), Image.Resampling.LANCZOS), (margin, margin))
    left, top, right, bottom = (margin + edge * inner / side for edge in truth.bbox_px or ())
    truth.bbox_px = (int(left), int(top), int(np.ceil(right)), int(np.ceil(bottom)))
    return framed


def _plant_duplicates(images: Path, picture: Image.Image, product_id: str, truths: dict[str, Truth]) -> None:
    """Add a byte-for-byte copy and a slightly smaller, re-compressed one."""
    original, side = truths[product_id], picture.width * 9 // 10
    box = original.bbox_px or ()
    boxes = {"exact": box, "near": tuple(round(edge * side / picture.width) for edge in box)}
    shutil.copyfile(images / f"{product_id}.jpg", images / f"{product_id}_exact.jpg")
    smaller = picture.resize((side, side), Image.Resampling.LANCZOS)
    smaller.save(images / f"{product_id}_near.jpg", quality=70)
    for kind, box in boxes.items():
        truths[f"{product_id}_{kind}"] = Truth(original.label, box, list(original.defects), product_id, kind)


def _plant_broken(images: Path, truths: dict[str, Truth]) -> None:
    """Add a truncated, a zero-byte and an HTML file, all named .jpg."""
    label = next(iter(CLASSES))
    sound = (images / f"{label}_0000.jpg").read_bytes()
    contents = {
        "truncated": sound[: len(sound) // 2],
        "empty_file": b"",
        "not_an_image": b"<!DOCTYPE html><html><body>404 not found</body></html>",
    }
    for reason, content in contents.items():
        (images / f"broken_{reason}.jpg").write_bytes(content)
        truths[f"broken_{reason}"] = Truth(label, None, broken=reason)


def _texts(look: Look, number: int, rng: np.random.Generator) -> tuple[str, str]:
    """Return title and description, in English for even numbers and in French for odd ones."""
    size = int(rng.integers(10, 60))
    if number % 2:
        return f"{look.french.capitalize()}, {size} cm", f"Une {look.french} de {size} cm pour la maison et le jardin."
    return f"{look.english.capitalize()}, {size} cm", f"A {look.english} of {size} cm for the house and the garden."
