"""What the baseline takes over: the weights that it starts from, or an earlier project's model with its classes."""

from pathlib import Path
from typing import Any

from bakeoff.baseline_tf.model import N_FEATURES, build_backbone, build_classifier, load_lite0, parts_of
from bakeoff.baseline_tf.runtime import keras
from bakeoff.baseline_tf.weights_file import WeightsFile, load_backbone, load_layer, read_weights_file
from bakeoff.core.errors import DataError, WeightsError
from bakeoff.learning.params import BaselineParams
from bakeoff.records.weights import WeightsRecord


def fetched_file(params: BaselineParams, *, weights_dir: Path, record: WeightsRecord) -> Path:
    """Return the file in weights/baseline_tf that the training starts from.

    A WeightsError where the record belongs to other params, or its file is gone.
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
    """Return the earlier model's classes in output order, as stored with its file; a WeightsError without any."""
    if record.class_names is None:
        raise WeightsError(
            f"{weights_dir} holds no class names of the earlier model, which baseline.mode as_is needs; "
            "run `bakeoff weights --retry` to store baseline.class_names."
        )
    return record.class_names


def initial_backbone(params: BaselineParams, *, weights_dir: Path, record: WeightsRecord) -> Any:
    """Return the backbone with the weights its training starts from, fetched to `weights_dir`, weights/baseline_tf.

    `baseline.weights_file` comes before `pretrained`. It is EfficientNet-Lite0 where the record says so. A WeightsError
    where a file is missing or belongs to another architecture.
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


def load_earlier_model(params: BaselineParams, *, weights_file: Path, class_names: list[str], labels: list[str]) -> Any:
    """Return the earlier project's model with its outputs in the catalogue's order.

    The file is `.keras`, legacy `.h5` (whole model or weights) or `.weights.h5`; the params' image_size and loss serve
    one that holds weights alone. `class_names` are in output order. A WeightsError where it is not an EfficientNet-B0
    classifier of square RGB images with so many outputs, a DataError with both sides where the classes differ.
    """
    if set(class_names) != set(labels):
        only_model = sorted(set(class_names) - set(labels)) or "none"
        only_catalogue = sorted(set(labels) - set(class_names)) or "none"
        raise DataError(
            "the earlier model's classes are not the catalogue's: only in baseline.class_names: "
            f"{only_model}; only in the catalogue: {only_catalogue}. They are matched by name; use the catalogue the "
            "model was trained for, or baseline.mode frozen."
        )
    weights = read_weights_file(weights_file)
    model = _load_whole(weights) if weights.whole_model else _rebuild(weights, params, n_classes=len(labels))
    _check_model(model, weights, n_classes=len(class_names))
    model.trainable = False
    outputs = keras.ops.take(model.outputs[0], [class_names.index(label) for label in labels], axis=-1)
    return keras.Model(model.inputs[0], outputs, name="baseline_tf_as_is")


def _load_whole(weights: WeightsFile) -> Any:
    """Return the whole model of a file, checked to be an EfficientNet-B0 first; code inside it is never run."""
    load_backbone(build_backbone(224, imagenet_rescaling=True), weights)
    try:
        model = keras.models.load_model(weights.path, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, NotImplementedError, AttributeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(
            f"{weights.path} cannot be rebuilt by Keras {keras.__version__} ({reason}); in the earlier project, build "
            "it from Keras' own layers alone (no Lambda, no class of its own), copy its weights (set_weights), save it "
            "as .keras; of EfficientNet-B0 with one dense layer, model.save_weights('earlier.weights.h5') will do."
        ) from None
    for layer in parts_of(model):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # Keras 3.15 forgets it in a nested model of a legacy file: photos pass as they are
    return model


def _rebuild(weights: WeightsFile, params: BaselineParams, *, n_classes: int) -> Any:
    """Return our classifier filled with a file that holds weights alone: EfficientNet-B0 and one dense layer."""
    heads = weights.others()
    if len(heads) != 1 or [array.ndim for array in next(iter(heads.values()))] != [2, 1]:
        raise WeightsError(
            f"{weights.path} holds weights without their architecture, and its head is not one dense layer on "
            f"{N_FEATURES} features (layers beside EfficientNet-B0: {sorted(heads) or 'none'}); save the whole model "
            "as .keras instead."
        )
    name, arrays = next(iter(heads.items()))
    if arrays[1].shape != (n_classes,):
        raise WeightsError(_wrong_outputs(weights.path, arrays[1].shape[0], n_classes))
    backbone = loaded_backbone(weights, params)
    model = build_classifier(backbone, n_classes=n_classes, loss=params.loss, dropout=params.dropout, seed=0)
    load_layer(model.get_layer("logits"), arrays, weights.path / name)
    return model


def _check_model(model: Any, weights: WeightsFile, *, n_classes: int) -> None:
    """Refuse a model whose input is not a square RGB image or whose outputs are not one per class name."""
    taken, given = ([tuple(tensor.shape) for tensor in side or ()] for side in (model.inputs, model.outputs))
    if not (len(taken) == 1 and len(taken[0]) == 4 and taken[0][1] == taken[0][2] and taken[0][3] == 3):
        raise WeightsError(f"{weights.path} must take square RGB images (N, H, H, 3), its input is {taken}.")
    if not (len(given) == 1 and len(given[0]) == 2):
        raise WeightsError(f"{weights.path} must give one score per class, (N, K), its output is {given}.")
    if given[0][1] != n_classes:
        raise WeightsError(_wrong_outputs(weights.path, given[0][1], n_classes))


def _wrong_outputs(path: Path, n_outputs: int, n_classes: int) -> str:
    return (
        f"{path} has {n_outputs} outputs, but baseline.class_names lists {n_classes} classes; "
        "give the file that belongs to this model."
    )
