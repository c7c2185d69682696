from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from bakeoff.data.decode import Decoded, Rejection, decode, encode_for_store, locate, pixel_digest
from catalogue.bad_images import ACCEPTED, REASONS, REJECTED, SIZE, all_files, bomb, encode, picture

FILES = all_files()


def decoded(name: str) -> Decoded:
    result = decode(FILES[name], max_megapixels=80, min_side_px=16)
    assert isinstance(result, Decoded), result
    return result


@pytest.mark.parametrize(("name", "reason"), REJECTED.items())
def test_bad_files_get_their_reason(name, reason):
    result = decode(FILES[name], max_megapixels=80, min_side_px=16)
    assert isinstance(result, Rejection)
    assert result.reason == reason
    assert reason in REASONS


@pytest.mark.parametrize("name", ACCEPTED)
def test_odd_files_become_rgb(name):
    result = decoded(name)
    assert result.image.mode == "RGB"
    assert sorted(result.image.size) == sorted(SIZE)


def test_transparent_pixels_are_white():
    assert np.asarray(decoded("transparent.png").image).min() == 255
    assert np.asarray(decoded("grey_alpha.png").image).min() == 255
    assert decoded("palette_transparent.png").image.getpixel((0, 0)) == (255, 255, 255)


def test_exif_rotation_is_applied_and_sizes_are_upright():
    result = decoded("rotated.jpg")
    assert result.image.size == (30, 40)
    values = np.asarray(result.image).mean(axis=2)
    assert values[:10].mean() < 40 < values[20:].mean()  # the dark left third is on top now


def test_first_frame_counts():
    first = np.asarray(decoded("animated.gif").image).astype(int)
    assert np.abs(first - np.asarray(picture(0))).mean() < np.abs(first - np.asarray(picture(1))).mean() / 2


def test_sixteen_bits_are_scaled_not_clipped():
    values = np.asarray(decoded("sixteen_bit.png").image)[..., 0]
    assert (values.min(), values.max()) == (0, 255)
    assert abs(float(values.mean()) - 127.5) < 1


def test_limits_are_inclusive_and_checked_before_decoding():
    assert isinstance(decode(encode(picture(), "PNG"), max_megapixels=0.0012, min_side_px=30), Decoded)
    assert decode(encode(picture(), "PNG"), max_megapixels=0.0011, min_side_px=30).reason == "too_large"  # type: ignore[union-attr]
    assert decode(bomb(20_000, 20_000), max_megapixels=80, min_side_px=1).reason == "too_large"  # type: ignore[union-attr]
    assert Image.MAX_IMAGE_PIXELS is not None


def test_plain_files_keep_their_bytes():
    for name in ("plain.jpg", "plain.png"):
        assert encode_for_store(decoded(name), FILES[name], store_px=64) == FILES[name]


def test_large_pictures_shrink_to_the_shorter_side_and_the_same_bytes_each_time():
    stored = encode_for_store(decoded("plain.jpg"), FILES["plain.jpg"], store_px=15)
    assert Image.open(io.BytesIO(stored)).size == (20, 15)
    assert stored == encode_for_store(decoded("plain.jpg"), FILES["plain.jpg"], store_px=15)


def test_small_lossless_sources_stay_lossless():
    result = decoded("palette.png")
    stored = Image.open(io.BytesIO(encode_for_store(result, FILES["palette.png"], store_px=64)))
    assert stored.format == "PNG"
    assert stored.convert("RGB").tobytes() == result.image.tobytes()


def test_pixel_digest_sees_through_the_file_format():
    again = decode(encode(picture(), "BMP"), max_megapixels=1, min_side_px=1)
    assert isinstance(again, Decoded)
    assert pixel_digest(again.image) == pixel_digest(decoded("plain.png").image)
    assert pixel_digest(picture(1)) != pixel_digest(picture(0))


def test_locate_refuses_what_leaves_the_data_folder(tmp_path):
    root, folder = tmp_path / "data", tmp_path / "data" / "Images"
    folder.mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(b"x")
    (folder / "a.png").write_bytes(b"x")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    assert locate(root, folder, "a.png") == folder.resolve() / "a.png"
    for path in ("../../secret.png", str(tmp_path / "secret.png"), "link.png"):
        assert locate(root, folder, path).reason == "outside_data_folder"  # type: ignore[union-attr]
    assert locate(root, folder, "link.png").detail.startswith(f"the link {folder / 'link.png'} leads out of")  # type: ignore[union-attr]
    for path in ("", "none.png", ".", "bad\0name.png", "x" * 5000):
        assert locate(root, folder, path).reason == "missing_file"  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["multi_picture.jpg", "cut_second_picture.jpg", "animated.webp"])
def test_of_several_pictures_the_first_is_taken_and_stored_alone(name):
    """An iPhone's or 3-D camera's multi-picture JPEG (MPO), also one whose later pictures are cut off."""
    result = decoded(name)
    values = np.asarray(result.image).astype(int)
    assert np.abs(values - np.asarray(picture(0))).mean() < np.abs(values - np.asarray(picture(1))).mean() / 2
    assert not result.untouched
    stored = Image.open(io.BytesIO(encode_for_store(result, FILES[name], store_px=64)))
    assert (stored.format, getattr(stored, "n_frames", 1), stored.size) == ("JPEG", 1, SIZE)


def test_webp_is_upright_rgb_on_white():
    assert np.array_equal(np.asarray(decoded("static.webp").image), np.asarray(picture(0)))  # lossless
    assert np.asarray(decoded("transparent.webp").image).min() == 255
    assert decoded("static.webp").format == "WEBP"
