"""Everything that is decided about one candidate before it trains: data/candidates/<model>.json. Loads no framework."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError

from bakeoff.core.errors import ParamsError
from bakeoff.core.section import Section
from bakeoff.records.recipe import HeadParams

Source = Literal["timm", "mambavision", "hf"]
Triple = tuple[float, float, float]
Normalise = Literal["weights", "imagenet", "min_max", "dataset", "per_image"]  # by whose statistics


class Geometry(Section):
    """How a photo becomes the square input: side in px, share of the resized side that the crop keeps."""

    image_size: int
    crop_pct: Annotated[float, Field(gt=0, le=1)]
    crop_mode: str
    interpolation: str


class Preprocessing(Geometry):
    """How the weights want their photos: (pixel / 255 - mean) / std, both in the order of the network's channels."""

    image_size: Annotated[int, Field(ge=32, le=1024)]
    mean: Triple
    std: Triple
    channel_order: Literal["rgb", "bgr"] = "rgb"  # turned round just before the network; all else is RGB
    per_image: bool = False  # by each photo's own mean and standard deviation, in place of `mean` and `std`


class Settings(Section):
    """What is decided of a model before it trains."""

    model: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the settings that `candidates` wrote; a ParamsError where the file is missing or holds none."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise ParamsError(f"{path} is missing; run `dvc repro candidates` to write it from params.yaml.") from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "file"
            raise ParamsError(f"{path} is not a candidate's settings: {where}: {first['msg']}.") from None

    def write(self, path: Path) -> None:
        """Write the settings as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


class CandidateSettings(Settings):
    """One model of the study: which network, which weights under which licence, which transforms and head."""

    source: Source
    name: str
    weights_id: str | None  # repository of the weights on the Hugging Face hub; None where nobody publishes any
    licence_code: str
    licence_weights: str
    commercial_use: bool | None  # None = unknown: see the model card
    preprocessing: Preprocessing
    head: HeadParams
    architecture: str  # what people call it: `MambaVision-B`
