"""Our transform against transformers' own image processors, on a real photo and without a network."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from bakeoff.backbones.compat import import_transformers  # noqa: E402
from bakeoff.backbones.hf_preprocessing import hf_preprocessing, network_input  # noqa: E402
from bakeoff.core.errors import ParamsError  # noqa: E402

pytestmark = pytest.mark.torch

PUBLISHED = {
    "vit": ("ViTImageProcessorPil", {"size": {"height": 224, "width": 224}, "resample": 2}),
    "vit_numbers": ("ViTImageProcessorPil", {"size": 96, "image_mean": 0.5, "image_std": 0.25, "resample": 1}),
    "swin": (
        "ViTImageProcessorPil",
        {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "resample": 3},
    ),
    "convnext": ("ConvNextImageProcessorPil", {"size": {"shortest_edge": 224}, "crop_pct": 0.875}),
    "convnext_384": ("ConvNextImageProcessorPil", {"size": {"shortest_edge": 384}}),
    "resnet_50": ("ConvNextImageProcessorPil", {"size": {"shortest_edge": 224}, "crop_pct": 0.95, "resample": 3}),
    "mobilevit": ("MobileViTImageProcessorPil", {"size": {"shortest_edge": 288}, "crop_size": 256, "resample": 2}),
    "mobilevit_rgb": (
        "MobileViTImageProcessorPil",
        {"size": {"shortest_edge": 288}, "crop_size": 256, "do_flip_channel_order": False, "do_normalize": True},
    ),
    "efficientnet": ("EfficientNetImageProcessorPil", {"size": {"height": 224, "width": 224}, "resample": 0}),
    "efficientnet_crop": ("EfficientNetImageProcessorPil", {"do_center_crop": True, "include_top": False}),
    "efficientnet_offset": (
        "EfficientNetImageProcessorPil",
        {"size": {"height": 64, "width": 64}, "rescale_offset": True, "rescale_factor": 1 / 127.5},
    ),
    "deit": ("DeiTImageProcessorPil", {"size": {"height": 256, "width": 256}, "crop_size": 221}),
    "bit": ("BitImageProcessorPil", {"size": {"shortest_edge": 227}, "crop_size": 224}),
    "levit": ("LevitImageProcessorPil", {}),
    "poolformer": ("PoolFormerImageProcessorPil", {"size": {"shortest_edge": 224}, "crop_pct": 0.95}),
    "beit": ("BeitImageProcessorPil", {"do_reduce_labels": True}),
    "no_rescale": ("ViTImageProcessorPil", {"do_rescale": False, "image_mean": [120.0] * 3, "image_std": [60.0] * 3}),
    "no_normalise": ("ViTImageProcessorPil", {"do_normalize": False}),
    "symmetric": (
        "ViTImageProcessorPil",
        {"rescale_factor": 1 / 127.5, "image_mean": [1.0] * 3, "image_std": [1.0] * 3},
    ),
}
GREY = {"size": {"height": 64, "width": 64}, "do_grayscale": True}


@pytest.fixture(scope="module")
def photo():
    pytest.importorskip("sklearn")
    from PIL import Image
    from sklearn.datasets import load_sample_image

    return Image.fromarray(load_sample_image("flower.jpg"))  # 640 × 427


@pytest.fixture
def saved(tmp_path):
    def save(kind, values):
        folder = tmp_path / "model"
        getattr(import_transformers(), kind)(**values).save_pretrained(folder)
        return folder

    return save


def processor_of(folder, backend):
    return import_transformers().AutoImageProcessor.from_pretrained(folder, backend=backend)


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("turned", [False, True])
def test_pixels_are_the_processors_own(name, turned, saved, photo):
    folder = saved(*PUBLISHED[name])
    picture = photo.transpose(2) if turned else photo
    found = hf_preprocessing(str(folder), image_size=None)
    ours = network_input(picture, found)
    std = np.asarray(found.std)[:, None, None]
    theirs = processor_of(folder, "pil")(picture, return_tensors="np")["pixel_values"][0]
    assert ours.shape == theirs.shape
    # Pillow on both sides: the same grey levels; in units of one level, rounding of the statistics alone.
    assert np.abs((ours - theirs) * std * 255).max() < 1e-3
    torchvision = processor_of(folder, "torchvision")(picture, return_tensors="pt")["pixel_values"][0].numpy()
    # torchvision resizes in its own arithmetic: about a level here and there, never another place.
    assert np.abs((ours - torchvision) * std * 255).mean() < 0.5


def test_the_network_gets_the_same_pixels_in_training(saved, photo):
    from bakeoff.learning.outputs import preview_title
    from bakeoff.training.data import transform_photo
    from bakeoff.training.module import PhotoClassifier, photo_tensor

    folder = saved(*PUBLISHED["mobilevit"])
    found = hf_preprocessing(str(folder), image_size=None)
    assert found.channel_order == "bgr"
    assert preview_title("mobilevit", found).endswith("256 × 256 px, channels as blue, green, red")
    pixels = transform_photo(photo, found)
    assert pixels[..., 0].mean() > pixels[..., 2].mean()  # the photo itself stays red, green, blue: more red here
    model = PhotoClassifier(torch.nn.Identity(), found)
    for images in (pixels, pixels.astype(np.float32) / 255):
        given = model.normalise(photo_tensor(np.stack([images]), torch.device("cpu")))[0].numpy()
        theirs = processor_of(folder, "pil")(photo, return_tensors="np")["pixel_values"][0]
        np.testing.assert_allclose(given, theirs, atol=1e-6)


def test_fields_by_hand(saved):
    mobilevit = hf_preprocessing(str(saved(*PUBLISHED["mobilevit"])), image_size=None)
    assert (mobilevit.image_size, mobilevit.crop_mode, mobilevit.interpolation) == (256, "center_floor", "bilinear")
    assert (mobilevit.mean, mobilevit.std, mobilevit.channel_order) == ((0.0,) * 3, (1.0,) * 3, "bgr")
    symmetric = hf_preprocessing(str(saved(*PUBLISHED["symmetric"])), image_size=None)
    assert symmetric.mean == pytest.approx((0.5,) * 3)  # 2x - 1 = (x - 0.5) / 0.5
    assert symmetric.std == pytest.approx((0.5,) * 3)
    large = hf_preprocessing(str(saved(*PUBLISHED["vit"])), image_size=320)
    assert (large.image_size, large.crop_mode, large.crop_pct) == (320, "squash", 1.0)


@pytest.mark.parametrize(
    ("kind", "values", "what"),
    [
        ("ViTImageProcessorPil", {"do_resize": False}, r"makes 3 × 234 × 402 and 3 × 401 × 233 .*do_resize: false"),
        (
            "ViTImageProcessorPil",
            {"do_pad": True, "pad_size": {"height": 256, "width": 256}},
            r'makes other pixels.*do_pad: true.*pad_size: \{"height": 256',
        ),
        (
            "ViTImageProcessorPil",
            {"size": {"height": 224, "width": 192}},
            r'makes 3 × 224 × 192 of .*size: \{"height": 224, "width": 192\}',
        ),
        (
            "BitImageProcessorPil",
            {"size": {"shortest_edge": 224, "longest_edge": 300}},
            r"makes other pixels.*longest_edge",
        ),
        ("BitImageProcessorPil", {"do_center_crop": False}, r"makes 3 × 224 × 384 and .*do_center_crop: false"),
        ("BitImageProcessorPil", {"crop_size": {"height": 224, "width": 200}}, r'makes 3 × 224 × 200.*"width": 200'),
        (
            "BitImageProcessorPil",
            {"size": {"shortest_edge": 200}},
            r"makes other pixels.*crop_size: .*224.*size: .*200",
        ),
        ("TextNetImageProcessorPil", {"do_center_crop": True}, r"makes other pixels.*size_divisor: 32"),
        ("ViTImageProcessorPil", {"size": {"height": 16, "width": 16}}, r"makes 3 × 16 × 16 .*side 32 to 1024"),
        ("SuperPointImageProcessorPil", GREY, r"makes other pixels.*do_grayscale: true"),
        ("ImageGPTImageProcessorPil", {}, r"fails \(Clusters must be provided .*do_color_quantize: true"),
        ("PerceiverImageProcessorPil", {"crop_size": {"height": 224, "width": 224}}, r"makes other pixels.*crop_size"),
    ],
)
def test_what_cannot_be_expressed_is_refused_with_its_fields(kind, values, what, saved):
    folder = saved(kind, values)
    with pytest.raises(ParamsError, match=rf"{kind}\) {what}.*preprocessor_config\.json.*`name`"):
        hf_preprocessing(str(folder), image_size=None)


def test_a_crop_after_a_warp_is_found_as_it_is(saved):
    found = hf_preprocessing(
        str(saved("ConvNextImageProcessorPil", {"do_center_crop": True, "crop_size": 200})), image_size=None
    )
    assert (found.image_size, found.crop_mode) == (200, "squash_floor")
    assert found.crop_pct == pytest.approx(200 / 384)


@pytest.mark.parametrize("field", ["do_convert_grayscale", "do_color_quantize"])
def test_switches_that_the_processor_ignores_change_nothing(field, saved):
    folder = saved("ViTImageProcessorPil", {})
    plain = hf_preprocessing(str(folder), image_size=None)
    change_file(folder, {field: True})
    assert hf_preprocessing(str(folder), image_size=None) == plain


def test_an_unknown_resampling_is_refused(saved):
    folder = saved("ViTImageProcessorPil", {})
    change_file(folder, {"resample": 9})
    with pytest.raises(ParamsError, match=r"fails \(Unknown resampling filter \(9\).*resample: 9"):
        hf_preprocessing(str(folder), image_size=None)


def change_file(folder, values):
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_processor_that_normalises_by_more_than_its_fields_say_is_caught(saved, monkeypatch):
    folder = saved("ViTImageProcessorPil", {})
    kind = import_transformers().ViTImageProcessorPil
    own = kind.normalize
    monkeypatch.setattr(kind, "normalize", lambda self, image, mean, std: own(self, image, mean, std) * 2)
    with pytest.raises(ParamsError, match=r"normalises by more than its fields say, \d+\.\d of 255 grey levels off"):
        hf_preprocessing(str(folder), image_size=None)


def test_no_processor_says_what_is_needed(tmp_path):
    with pytest.raises(
        ParamsError, match=r"Needed: a folder made by save_pretrained \(config\.json, preprocessor_config"
    ):
        hf_preprocessing(str(tmp_path), image_size=None)
