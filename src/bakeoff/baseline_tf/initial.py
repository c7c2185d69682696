"""Where a training starts: ImageNet weights fetched beforehand, an earlier project's file, or random."""

from pathlib import Path
from typing import Any

from bakeoff.baseline_tf.lite0 import load_lite0
from bakeoff.baseline_tf.model import build_backbone
from bakeoff.baseline_tf.weights_file import WeightsFile, load_backbone, read_weights_file
from bakeoff.core.errors import WeightsError
from bakeoff.learning.params import BaselineParams
from bakeoff.records.weights import WeightsRecord


def fetched_file(params: BaselineParams, *, weights_dir: Path, record: WeightsRecord) -> Path:
    """Return the file in weights/baseline_tf that the training starts from.

    Raises:
        WeightsError: the record belongs to other params, or its file is gone.
    """
    wanted = Path(params.weights_file).name if params.weights_file else None
    if (record.source == "user_file") != bool(wanted) or (wanted and record.file != wanted):
        raise WeightsError(
            f"{weights_dir} holds {record.file or 'no file'} (source {record.source}), but baseline.weights_file is "
            f"{params.weights_file}; run `dvc repro weights_baseline` to fetch again."
        )
    path = weights_dir / str(record.file)
    if not path.is_file():
        raise WeightsError(
            f"{path} is missing though its record names it; run `dvc repro weights_baseline` to fetch it again."
        )
    return path


def fetched_class_names(*, weights_dir: Path, record: WeightsRecord) -> list[str]:
    """Return the earlier model's classes in output order, as they were stored with its file.

    Raises:
        WeightsError: the record has none.
    """
    if record.class_names is None:
        raise WeightsError(
            f"{weights_dir} holds no class names of the earlier model, which baseline.mode as_is needs; "
            "run `bakeoff weights --retry` to store baseline.class_names."
        )
    return record.class_names


def initial_backbone(params: BaselineParams, *, weights_dir: Path, record: WeightsRecord) -> Any:
    """Return the backbone with the weights its training starts from, fetched to `weights_dir`, weights/baseline_tf.

    `baseline.weights_file` comes before `pretrained`. It is EfficientNet-Lite0 where the record says so.

    Raises:
        WeightsError: a file is missing or belongs to another architecture.
    """
    if not params.weights_file and (params.pretrained == "random" or not record.pretrained):
        return build_backbone(params.image_size, imagenet_rescaling=False)
    path = fetched_file(params, weights_dir=weights_dir, record=record)
    return load_lite0(path, params.image_size) if record.stands_in else loaded_backbone(read_weights_file(path), params)


def loaded_backbone(weights: WeightsFile, params: BaselineParams) -> Any:
    """Return the backbone with a file's weights, and with Keras' extra layer where the file's network has it.

    Keras' own ImageNet file always means the network with it. An earlier project's file mostly says so itself; where it
    cannot (legacy weights of a nested model), `pretrained` tells what that project had started from.
    """
    says = weights.imagenet_rescaling if params.weights_file else None
    rescaling = params.pretrained == "imagenet" if says is None else says
    backbone = build_backbone(params.image_size, imagenet_rescaling=rescaling)
    load_backbone(backbone, weights)
    return backbone
