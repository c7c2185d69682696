"""What `bakeoff explain --text` does: the words of a text that speak for a class, and those that speak against it."""

import sys
from pathlib import Path

from bakeoff.core.errors import EvaluationError, ParamsError
from bakeoff.core.names import visible
from bakeoff.core.section import load_section
from bakeoff.deploy.explanation.run import ExplainOptions, class_of
from bakeoff.deploy.prediction.candidates import TrainedCandidate, find_candidate
from bakeoff.evaluation.calibration import apply_temperature
from bakeoff.interpret.params import InterpretTextParams
from bakeoff.interpret.words import scored_by, weigh_words
from bakeoff.records.candidate import Candidate
from bakeoff.records.explained_texts import Weighted, strongest
from bakeoff.text.predictor import load_text_predictor

_UNITS = {"score": "parts of the class's score", "log_probability": "parts of the class's log probability, nats"}


def explain_text(project: Path, text: str, options: ExplainOptions) -> None:
    """Print, for every candidate, the class of a text with its calibrated probability, and the words that decide.

    Raises:
        ParamsError: a method is asked for, or an unknown class.
        EvaluationError: an unknown candidate, or one that reads no texts or is a pair.
    """
    if options.methods:
        raise ParamsError("--method is for photos; texts are explained by what their model allows.")
    params = load_section(project / "params.yaml", InterpretTextParams)
    candidates = [find_candidate(project, name, seed=options.seed) for name in options.names]
    for candidate in candidates:
        _require_texts(candidate)
    for candidate in candidates:
        sys.stdout.write("".join(f"{visible(line)}\n" for line in _explained(candidate, text, options, params)))


def _explained(
    candidate: TrainedCandidate, text: str, options: ExplainOptions, params: InterpretTextParams
) -> list[str]:
    target, predictor = class_of(candidate, options.target), load_text_predictor(candidate.folder / "training")
    cleaned = predictor.read([text])
    shares = apply_temperature(predictor.forward(cleaned).astype(float), candidate.calibration.temperature)[0]
    label_id = int(shares.argmax()) if target is None else target
    words, _ = weigh_words(predictor.classifier, cleaned[0], label_id, steps=params.steps)
    in_favour, against = strongest(words, params.n_terms)
    return [
        f"{candidate.name}: {candidate.training.labels[label_id]}, probability {shares[label_id]:.2f}",
        f"  read as   {cleaned[0] or 'nothing'}",
        f"  for       {_listed(in_favour)}",
        f"  against   {_listed(against)}",
        f"  in        {_UNITS[scored_by(predictor.classifier)]}",
    ]


def _listed(words: list[Weighted]) -> str:
    return ", ".join(f"{word} {value:+.2f}" for word, value in words) or "no word"


def _require_texts(candidate: TrainedCandidate) -> None:
    modality = candidate.training.modality
    if modality == "image":
        raise EvaluationError(f"{candidate.name} reads photos, no texts; give photos, or name a candidate of texts.")
    if modality == "pair":
        sides = [side.name for side in Candidate(candidate.name).sides if side.modality == "text"]
        advice = f"explain --candidate {', '.join(sides)}" if sides else "neither of its sides reads texts"
        raise EvaluationError(f"{candidate.name} is a pair, whose answer is made of its sides'; {advice}.")
