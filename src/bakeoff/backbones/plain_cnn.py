"""A plain convolutional network without published weights, to learn from scratch; to import it registers it in timm."""

from itertools import pairwise
from typing import Any

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import Tensor, nn

_SIDE_PX = 128
_WIDTHS = (32, 64, 128, 256)

default_cfgs = generate_default_cfgs(
    {
        "plain_cnn.untrained": {
            "input_size": (3, _SIDE_PX, _SIDE_PX),
            "fixed_input_size": True,
            "crop_pct": 1.0,
            "interpolation": "bilinear",
            "mean": (0.0, 0.0, 0.0),
            "std": (1.0, 1.0, 1.0),
            "first_conv": "stages.0.0",
            "classifier": "head",
            "license": "apache-2.0",
        }
    }
)


class PlainCNN(nn.Module):
    """3×3 convolution without padding, ReLU, 2×2 max-pooling, four times over: (N, 3, H, W) to (N, 256 h w) flattened.

    At 128 px h = w = 6: 9,216 features.
    """

    def __init__(self, num_classes: int = 0, img_size: int | tuple[int, int] = _SIDE_PX, in_chans: int = 3) -> None:
        super().__init__()
        stages, side = [], img_size if isinstance(img_size, int) else img_size[0]  # timm gives (height, width)
        for inputs, outputs in pairwise((in_chans, *_WIDTHS)):
            stages.append(nn.Sequential(nn.Conv2d(inputs, outputs, 3), nn.ReLU(), nn.MaxPool2d(2)))
            side = (side - 2) // 2
        self.stages = nn.Sequential(*stages)
        self.num_features = _WIDTHS[-1] * side**2
        self.head = nn.Linear(self.num_features, num_classes) if num_classes else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """Return the features, or scores (N, K) where it was built for K classes."""
        return self.head(self.stages(images).flatten(1))


@register_model
def plain_cnn(pretrained: bool = False, **arguments: Any) -> PlainCNN:
    """Return a new network; timm's create_model calls this."""
    return build_model_with_cfg(PlainCNN, "plain_cnn", pretrained, **arguments)
