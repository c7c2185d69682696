"""Photo measures against pictures whose values are known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from bakeoff.catalogue.measures import _SATURATION, AUDITED, MEASURES, Thumbnail, measure_photo, measure_thumbnail


def measured(image: Image.Image) -> dict[str, float]:
    values = measure_thumbnail(Thumbnail(image), width=image.width, height=image.height)
    return dict(zip(AUDITED, values, strict=True))


def framed(*, left: int, top: int, side: int, background: int = 255) -> Image.Image:
    """A noisy square of `side` px on a plain ground of 100 px."""
    picture = Image.new("RGB", (100, 100), (background,) * 3)
    noise = np.random.default_rng(0).integers(60, 180, (side, side, 3), dtype=np.uint8)
    picture.paste(Image.fromarray(noise), (left, top))
    return picture


def test_measures_of_photos_known_by_hand():
    grey = measure_photo(Image.new("RGB", (20, 10), (51, 51, 51)), width=2000, height=1000)
    assert dict(zip(MEASURES, grey, strict=True)) == pytest.approx(
        {"brightness": 0.2, "contrast": 0, "saturation": 0, "sharpness": 0, "aspect_ratio": 2, "megapixels": 2}
    )
    checks = np.indices((16, 16)).sum(axis=0) % 2 * 255
    board = Image.fromarray(np.repeat(checks[..., None], 3, axis=2).astype(np.uint8))
    values = dict(zip(MEASURES, measure_photo(board, width=16, height=16), strict=True))
    assert values["brightness"] == pytest.approx(0.5)
    assert values["contrast"] == pytest.approx(0.5)
    # inside, every neighbour differs by 255: the Laplacian is ±1020; at the border the repeated edge takes one away
    laplacian = np.full((16, 16), 1020.0)
    laplacian[[0, -1]] -= 255
    laplacian[:, [0, -1]] -= 255
    assert values["sharpness"] == pytest.approx(np.log10(1 + (laplacian**2).mean()))
    red = measure_photo(Image.new("RGB", (600, 900), (255, 0, 0)), width=600, height=900)
    assert red[MEASURES.index("saturation")] == 1


def test_saturation_is_pillows():
    highest, lowest = np.indices((256, 256))
    pixels = np.stack([highest, np.minimum(highest, lowest), np.minimum(highest, lowest)], axis=-1).astype(np.uint8)
    expected = np.asarray(Image.fromarray(pixels).convert("HSV"))[..., 1]
    np.testing.assert_array_equal(_SATURATION[highest, pixels[..., 1]], expected)


def test_sums_of_a_noisy_photo_do_not_overflow():
    pixels = np.random.default_rng(0).integers(0, 2, (256, 256, 1), dtype=np.uint8).repeat(3, axis=2) * 255
    luma = np.pad(pixels[..., 0].astype(float), 1, mode="edge")
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * luma[1:-1, 1:-1]
    values = measured(Image.fromarray(pixels))
    assert values["sharpness"] == pytest.approx(np.log10(1 + laplacian.var()))
    assert values["contrast"] == pytest.approx(pixels.std() / 255)


def test_a_picture_of_two_halves():
    picture = Image.new("RGB", (20, 10), (204, 0, 0))
    picture.paste((0, 0, 102), (10, 0, 20, 10))
    values = measured(picture)
    assert [values[name] for name in ("red", "green", "blue")] == pytest.approx([0.4, 0, 0.2])
    assert values["dominance"] == pytest.approx(2 / 3)
    assert values["information"] == pytest.approx(1)  # two grey levels, as often
    assert values["chroma"] == pytest.approx(0.8)
    assert values["saturation"] == 1
    assert (values["luma_p05"], values["luma_p99"]) == pytest.approx((12 / 255, 61 / 255))  # of 0.299 R + 0.114 B
    assert values["border"] == 0


def test_a_black_picture_has_no_dominant_colour():
    values = measured(Image.new("RGB", (20, 10)))
    assert values["dominance"] == pytest.approx(1 / 3)
    assert [values[name] for name in ("information", "chroma", "border", "luma_p99")] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("picture", "border"),
    [
        (framed(left=25, top=25, side=50), 0.75),
        (framed(left=25, top=25, side=50, background=0), 0.75),
        (framed(left=10, top=30, side=50), 0),  # a product off the middle
        (framed(left=0, top=0, side=100), 0),
    ],
)
def test_the_border_of_a_framed_photo(picture, border):
    assert measured(picture)["border"] == pytest.approx(border, abs=0.01)


def test_bars_on_two_sides_are_a_border_and_a_round_product_on_white_has_none():
    bars = framed(left=0, top=0, side=100)
    bars.paste((0, 0, 0), (0, 0, 100, 20))
    bars.paste((0, 0, 0), (0, 80, 100, 100))
    assert measured(bars)["border"] == pytest.approx(0.4, abs=0.01)
    product = Image.new("RGB", (100, 100), "white")
    ImageDraw.Draw(product).ellipse((20, 20, 79, 79), fill="red")
    assert measured(product)["border"] == 0


def test_a_thumbnail_is_at_most_256_px_and_shows_blur_as_the_whole_does():
    whole = framed(left=0, top=0, side=100).resize((900, 1200))
    assert Thumbnail(whole).image.size == (180, 240)
    assert Thumbnail(Image.new("RGB", (40, 30))).image.size == (40, 30)
    sharp, blurred = measured(whole)["sharpness"], measured(whole.filter(ImageFilter.GaussianBlur(22)))["sharpness"]
    assert blurred < sharp - 1
    assert measured(whole)["brightness"] == pytest.approx(measure_photo(whole, width=900, height=1200)[0], abs=1e-3)
