"""ONNX files: standard operators alone, any number of images, the same answers as PyTorch."""

import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
from torch import nn  # noqa: E402

from bakeoff.backbones import onnx_export  # noqa: E402
from bakeoff.backbones.mamba import build_mambavision  # noqa: E402
from bakeoff.backbones.onnx_export import compare_with_torch, export_onnx  # noqa: E402
from bakeoff.core.errors import EvaluationError, ParamsError  # noqa: E402
from bakeoff.scan.dispatch import selective_scan  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.slow]


class Scan(nn.Module):
    """An image's pixels as a scan's inputs, so that each argument of the operator can be exported."""

    def __init__(self, *, full, groups=None):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.A = nn.Parameter(-torch.rand(6, 4, generator=generator))
        self.D = nn.Parameter(torch.randn(6, generator=generator)) if full else None
        self.bias = nn.Parameter(torch.randn(6, generator=generator)) if full else None
        self.full, self.groups = full, groups

    def forward(self, images):
        u, delta, z = images[:, 0, :6], images[:, 1, 2:8], images[:, 2, :6]
        B, C = images[:, 0, 2:6], images[:, 1, :4]
        if self.groups:
            B = B[:, None].expand(-1, self.groups, -1, -1)
        z = z if self.full else None
        return selective_scan(u, delta, self.A, B, C, self.D, z, self.bias, self.full, implementation="torch").mean(1)


@pytest.mark.parametrize("full", [True, False])
def test_the_scan_alone(full, tmp_path):
    path = tmp_path / "scan.onnx"
    model = Scan(full=full)
    assert export_onnx(model, path, image_size=8) < 1e-5
    operators = {node.op_type for node in onnx.load(path).graph.node}
    assert "Scan" in operators
    assert {node.domain for node in onnx.load(path).graph.node} <= {"", "ai.onnx"}


def test_groups_are_refused_by_name(tmp_path):
    with pytest.raises(Exception, match="B, C of") as caught:
        export_onnx(Scan(full=True, groups=2), tmp_path / "scan.onnx", image_size=8)
    assert "one group" in str(caught.value) or isinstance(caught.value.__cause__, ParamsError)
    assert list(tmp_path.iterdir()) == []


def test_mambavision_as_a_whole_with_any_number_of_images(tmp_path):
    torch.manual_seed(0)
    backbone = build_mambavision("mamba_vision_T").eval()
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    model = nn.Sequential(backbone, nn.Linear(backbone.num_features, 7)).eval()
    path = tmp_path / "mamba_t.onnx"
    assert export_onnx(model, path, image_size=224, metadata={"licence": "CC-BY-NC-SA-4.0"}) < 1e-4
    loaded = onnx.load(path)
    onnx.checker.check_model(loaded)
    assert {node.domain for node in loaded.graph.node} <= {"", "ai.onnx"}
    assert [node.op_type for node in loaded.graph.node].count("Scan") == 6
    assert {entry.key: entry.value for entry in loaded.metadata_props}["licence"] == "CC-BY-NC-SA-4.0"
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for n_images in (1, 5):
        images = torch.rand(n_images, 3, 224, 224)
        (logits,) = session.run(None, {"images": images.numpy()})
        with torch.no_grad():
            torch.testing.assert_close(torch.from_numpy(logits), model(images), rtol=1e-3, atol=1e-4)


def test_a_network_of_convolutions_and_a_wrong_export(tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    path = tmp_path / "small.onnx"
    assert export_onnx(model, path, image_size=16) < 1e-5
    written = path.read_bytes()
    other = nn.Sequential(*model[:-1], nn.Linear(4, 3))
    assert compare_with_torch(other, path, image_size=16) > 1e-2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_export, "_TOLERANCE", -1.0)
        with pytest.raises(EvaluationError, match=r"small.onnx differs from PyTorch by .*nothing was written"):
            export_onnx(model, path, image_size=16)
    assert path.read_bytes() == written
    assert [file.name for file in tmp_path.iterdir()] == ["small.onnx"]
