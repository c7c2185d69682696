"""By which mean and standard deviation photos are normalised (`training.normalise`)."""

import numpy as np

from bakeoff.core.errors import TrainingError
from bakeoff.core.progress import progress_bar
from bakeoff.data.products import Products
from bakeoff.data.transforms import transform_photo
from bakeoff.records.settings import Geometry, Normalise, Preprocessing

GREY_LEVEL = 1 / 255  # the smallest standard deviation that is divided by: what varies less is constant
_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_UNIT = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def normalised(preprocessing: Preprocessing, normalise: Normalise, train: Products) -> Preprocessing:
    """Return what the weights want with the statistics that `normalise` names.

    `weights`: as it is; `min_max`: values in [0, 1]; `dataset`: `pixel_statistics` of `train`, the products to train
    on, which are read for that alone; `per_image`: each photo's channels by their own.
    """
    if normalise == "weights":
        return preprocessing
    known = {"imagenet": _IMAGENET, "dataset": None}.get(normalise, _UNIT)
    rgb = known or pixel_statistics(train, preprocessing)
    mean, std = (values if preprocessing.channel_order == "rgb" else values[::-1] for values in rgb)
    return preprocessing.model_copy(update={"mean": mean, "std": std, "per_image": normalise == "per_image"})


def pixel_statistics(products: Products, used: Geometry) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and population standard deviation of red, green and blue over all pixels together, in [0, 1].

    Pixels are counted by value: the result is exact in any order. Photos are as the network gets them. A TrainingError
    where there are none.
    """
    if not len(products):
        raise TrainingError("training.normalise: dataset needs photos to train on, and the train split holds none.")
    counts = np.zeros((3, 256), dtype=np.int64)
    with progress_bar() as bar:
        for position in bar.track(range(len(products)), description="mean and std of photos"):
            pixels = transform_photo(products.photo(position), used)
            counts += [np.bincount(pixels[..., channel].ravel(), minlength=256) for channel in range(3)]
    shares, values = counts / counts.sum(axis=1, keepdims=True), np.arange(256) / 255
    mean = shares @ values
    std = np.sqrt((shares * (values - mean[:, None]) ** 2).sum(axis=1))
    return tuple(mean.tolist()), tuple(np.maximum(std, GREY_LEVEL).tolist())
