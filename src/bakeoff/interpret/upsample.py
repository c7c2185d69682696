"""Maps of features at the size of the photo."""

import numpy as np


def upsampled(maps: np.ndarray, side: int) -> np.ndarray:
    """Return maps (N, h, w) as (N, side, side) float32, bilinear between the centres of their places."""
    import torch
    from torch.nn.functional import interpolate

    values = torch.from_numpy(np.asarray(maps, dtype=np.float32))[:, None]
    return interpolate(values, size=(side, side), mode="bilinear", align_corners=False)[:, 0].numpy()
