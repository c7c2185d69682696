"""One text candidate explained: which terms speak for each class, and which words for what it says of some products."""

from pathlib import Path

from bakeoff.core.code import digest
from bakeoff.core.machine import ComputeParams
from bakeoff.core.names import visible
from bakeoff.core.progress import progress_bar
from bakeoff.core.seeding import default_threads, set_threads
from bakeoff.data.table import read_prepared
from bakeoff.interpret.explain import most_probable
from bakeoff.interpret.params import InterpretTextParams
from bakeoff.interpret.photos import choose_photos
from bakeoff.interpret.run import Candidate
from bakeoff.interpret.words import scored_by, top_terms, weigh_words
from bakeoff.records.explained_texts import TEXTS_FILE, ExplainedText, TextsRecord
from bakeoff.text.clean import join_fields
from bakeoff.text.predictor import load_text_predictor


def interpret_texts(
    candidate: Candidate, catalogue_dir: Path, out_dir: Path, *, params: InterpretTextParams, compute: ComputeParams
) -> None:
    """Write texts.json under `out_dir`.

    Raises:
        EvaluationError: the candidate reads no texts.
    """
    training, shares = candidate.training, candidate.predictions.probabilities
    predictor = load_text_predictor(candidate.training_dir)
    set_threads(compute.threads or default_threads())
    numbers = params.model_dump(include={"n_shared", "max_shared", "n_own"})
    chosen, classifier, labels = choose_photos(candidate.predictions, **numbers), predictor.classifier, training.labels
    table = read_prepared(catalogue_dir, "texts.parquet").set_index("product_id")
    told = table.loc[[one.product_id for one in chosen]]
    texts = predictor.read(join_fields(told, predictor.settings.cleaning.join))
    with progress_bar() as bar:
        weighed = [
            weigh_words(classifier, text, one.predicted, steps=params.steps)
            for one, text in bar.track(list(zip(chosen, texts, strict=True)), description="texts explained")
        ]
    record = TextsRecord(
        key=digest([training.key, params.model_dump()]),
        training_key=training.key,
        scored=scored_by(classifier),
        terms=top_terms(classifier, labels, params.n_terms),
        texts=[
            ExplainedText(
                product_id=one.product_id,
                kind=one.kind,
                title=visible(title) or None,
                true=labels[one.true],
                predicted=labels[one.predicted],
                correct=one.true == one.predicted,
                probabilities=most_probable(labels, shares[one.row], one.true),
                words=words,
                completeness_gap=gap,
            )
            for one, title, (words, gap) in zip(chosen, told["title"].fillna(""), weighed, strict=True)
        ],
    )
    out_dir.mkdir(parents=True, exist_ok=True)
    record.write(out_dir / TEXTS_FILE)
