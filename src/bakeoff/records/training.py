"""What is known of a training before it begins, and what it leaves: training.json and cost.json."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from bakeoff.core.errors import BakeoffError, EvaluationError, WeightsError
from bakeoff.core.paths import project_root
from bakeoff.core.section import Section
from bakeoff.records.base import Record
from bakeoff.records.candidate import Candidate, Modality
from bakeoff.records.catalogue import Dataset
from bakeoff.records.fusion import FusionSettings
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.text import TextSettings
from bakeoff.records.weights import WeightsRecord, read_record

ENVIRONMENTS = {"pytorch": "torch", "tensorflow": "tf", "scikit-learn": "torch", "fusion": "torch"}
"""The environment that each framework's trainings need."""


def strictest(verdicts: Sequence[bool | None]) -> bool | None:
    """Return False where one is, else None where one is not known, else True."""
    if False in verdicts:
        return False
    return True if all(verdict is True for verdict in verdicts) else None


class TrainingHeader(Section):
    """What determines a training's result, known before it begins."""

    candidate: str
    model: str
    mode: str  # as `bakeoff.core.modes` has them; `as_is` where nothing was trained
    seed: int
    framework: Literal["pytorch", "tensorflow", "scikit-learn", "fusion"]
    architecture: str
    settings: (
        CandidateSettings | TextSettings | FusionSettings | dict[str, Any]
    )  # the baseline has its section of params.yaml
    training: dict[str, Any]  # the recipe that it ran with
    labels: list[str]
    dataset: Dataset
    splits: str  # digest of which product was in which split
    weights: WeightsRecord
    weights_dir: str  # from the project's folder: weights/<model>
    device: str
    device_name: str
    threads: int  # of each process
    processes: int = 1
    scan: str | None  # implementation of the selective scan; None without one
    loss: str
    versions: dict[str, str]
    key: str  # digest of everything that determines the result

    @property
    def backbone(self) -> CandidateSettings:
        """A PyTorch candidate's settings; an EvaluationError where it is another framework's."""
        if not isinstance(self.settings, CandidateSettings):
            raise EvaluationError(f"{self.candidate} is a {self.framework} training; expected a PyTorch candidate.")
        return self.settings

    @property
    def modality(self) -> Modality:
        """What it reads of a product."""
        return Candidate(self.candidate).modality

    def require_photos(self) -> None:
        """Raise an EvaluationError where the candidate is not one of photos."""
        if self.modality != "image":
            raise EvaluationError(f"{self.candidate} is not a candidate of photos; name one that is.")

    def own_weights(self, training_dir: Path, weights_root: Path | None = None) -> Path:
        """Return the folder of the weights that a training in `training_dir` ran on.

        `weights_root` has weights/<model>; None = where training.json says, from the project's folder. A WeightsError
        where the folder holds others.
        """
        folder = weights_root / self.model if weights_root else project_root(training_dir) / self.weights_dir
        expected, found = self.weights, read_record(folder)
        if (expected.sha256, expected.network_files) != (found.sha256, found.network_files):
            trained, held = (
                f"{one.sha256 or 'random'}{''.join(f', {name} {digest}' for name, digest in one.network_files.items())}"
                for one in (expected, found)
            )
            raise WeightsError(
                f"{self.candidate} was trained on weights {trained}, {folder} holds {held}; run "
                "`dvc repro` to train it again, or `dvc checkout` to get its own back."
            )
        return folder

    @property
    def title(self) -> str:
        """The candidate and its seed, for messages and figures."""
        return f"{self.candidate} seed {self.seed}"


class TrainingRecord(TrainingHeader, Record):
    """training.json: what determines a training's result, and what resulted; the same bytes for the same result."""

    FORMAT: ClassVar[int] = 3
    STAGE: ClassVar[str] = "train_torch baseline_tf"
    ERROR: ClassVar[type[BakeoffError]] = EvaluationError

    probabilities: Literal["softmax", "sigmoid_normalised", "as_is"]
    n_parameters: int
    n_trainable: int
    n_features: int
    size_mib: float  # parameters and buffers as float32
    epochs_run: int
    steps_run: int
    best_epoch: int
    best_validation_accuracy: float
    stopped_early: bool
    learned: bool
    not_learned: str | None
    still_improving: bool = False
    score: str | None = None  # the baseline's: what its network gives, `logits`, `softmax` or `sigmoid`
    preprocessing: dict[str, Any] | None = None  # the baseline's: image_size, crop_pct, interpolation

    @property
    def architecture_title(self) -> str:
        """What people call the network: `MambaVision-B`."""
        return self.architecture if isinstance(self.settings, dict) else self.settings.architecture

    @property
    def licence_of_code(self) -> str:
        """The licence of the backbone's code; the baseline's network is Keras' own, and its section names none."""
        return "Apache-2.0" if isinstance(self.settings, dict) else self.settings.licence_code

    @property
    def licence(self) -> str:
        """`Apache-2.0`, or `code X, weights Y` where the two differ."""
        code, weights = self.licence_of_code, self.weights.licence
        return f"code {code}, weights {weights}" if self.weights.pretrained and weights != code else code

    @property
    def commercial_use(self) -> bool | None:
        """Whether code and weights together may be used commercially; None where nobody has said so.

        A random start has no published weights, so only the backbone's own entry counts.
        """
        own = True if isinstance(self.settings, dict) else self.settings.commercial_use
        return strictest([own, self.weights.commercial_use] if self.weights.pretrained else [own])

    @property
    def image_size(self) -> int | None:
        """Side of the photos that the network gets, px; None where an earlier model does not say."""
        if isinstance(self.settings, CandidateSettings):
            return self.settings.preprocessing.image_size
        return (self.preprocessing or {}).get("image_size")

    @property
    def environment(self) -> str:
        """`torch` or `tf`: where the candidate can be opened."""
        return ENVIRONMENTS[self.framework]


class CostRecord(Record):
    """cost.json: what one training took, when and from which commit; another run of the same training differs here."""

    STAGE: ClassVar[str] = "train_torch baseline_tf"
    ERROR: ClassVar[type[BakeoffError]] = EvaluationError

    key: str
    git_commit: str | None
    started_at: str
    ended_at: str
    train_time_s: float  # epochs, and the features of the products that they needed
    feature_time_s: float
    predict_time_s: float  # predictions.parquet, at the end
    train_memory_mib: float  # peak while training: of the CUDA device, else of the process
    train_resident_mib: float  # peak of the process
