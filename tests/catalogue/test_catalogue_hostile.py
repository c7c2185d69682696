"""Files that look harmless and are not, and a folder that is not ours to empty."""

import io

import pytest
from PIL import Image

from bakeoff.catalogue.params import SyntheticParams
from bakeoff.catalogue.sources.synthetic import generate
from bakeoff.core.errors import DataError
from bakeoff.data.decode import Rejection, decode
from catalogue.bad_images import REASONS

LIMITS = {"max_megapixels": 80, "min_side_px": 16}


def encoded(size: tuple[int, int], kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, kind)
    return buffer.getvalue()


def test_a_sliver_is_refused_before_it_is_blown_up():
    found = decode(encoded((16 * 40 + 1, 16), "PNG"), **LIMITS)
    assert isinstance(found, Rejection)
    assert (found.reason, found.detail) == ("too_large", "641x16 px, over 40 times as long as wide")
    assert not isinstance(decode(encoded((16 * 40, 16), "PNG"), **LIMITS), Rejection)


def test_postscript_is_not_handed_to_another_program():
    found = decode(encoded((64, 64), "EPS"), **LIMITS)
    assert isinstance(found, Rejection)
    assert found.reason == "not_an_image"


def test_a_broken_avif_is_a_reason_and_no_traceback():
    sound = encoded((64, 64), "AVIF")
    for cut in range(40, len(sound), 17):
        broken = sound[:cut] + bytes(reversed(sound[cut:]))
        found = decode(broken, **LIMITS)
        assert not isinstance(found, Rejection) or found.reason in REASONS


def test_the_generator_does_not_empty_a_folder_of_real_photos(tmp_path):
    (tmp_path / "Images").mkdir()
    (tmp_path / "Images" / "shoe.jpg").write_bytes(b"precious")
    with pytest.raises(DataError, match="holds photos that were not generated"):
        generate(tmp_path, SyntheticParams(n_per_class=3, image_px=32, seed=0))
    assert (tmp_path / "Images" / "shoe.jpg").read_bytes() == b"precious"


@pytest.mark.slow
@pytest.mark.torch  # prepare runs there: imagehash
def test_a_killed_decoding_process_is_said_and_does_not_hang(tmp_path):
    import psutil

    from bakeoff.catalogue.pack import pack_all
    from bakeoff.catalogue.photo_file import PhotoFile
    from bakeoff.records.catalogue import PackParams

    path = tmp_path / "photo.png"
    path.write_bytes(encoded((400, 400), "PNG"))
    params = PackParams(store_px=64, max_megapixels=80.0, min_side_px=16)
    results = pack_all([PhotoFile(path)] * 3000, 3000, params)
    assert next(results).width == 400
    for child in psutil.Process().children():
        if "resource_tracker" not in " ".join(child.cmdline()):
            child.kill()
    with pytest.raises(DataError, match="a process that decodes photos was killed"):
        list(results)
