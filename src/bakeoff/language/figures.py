"""Labels of the figures under reports/."""

from __future__ import annotations

from bakeoff.language.measures import MEASURES
from bakeoff.language.phrases import Phrase

_FIGURES: dict[str, Phrase] = {
    "axis": Phrase("{measure}", "{measure}"),
    "axis.unit": Phrase("{measure}, {unit}", "{measure} ({unit})"),
    "axis.latency_ms": Phrase("time per photo at batch 1, median, ms", "temps par photo, une à la fois, médiane (ms)"),
    "axis.ms_per_image": Phrase(
        "time per photo at the best batch size, ms", "temps par photo, par lots, au mieux (ms)"
    ),
    "axis.accuracy": Phrase("test accuracy", "exactitude sur le test"),
    "axis.bars": Phrase("{axis}   (bars: 95 % interval)", "{axis}   (barres : intervalle à 95 %)"),
    "axis.left": Phrase("{axis}   (left is better)", "{axis}   (mieux à gauche)"),
    "axis.right": Phrase("{axis}   (right is better)", "{axis}   (mieux à droite)"),
    "axis.down": Phrase("{axis}   (lower is better)", "{axis}   (mieux en bas)"),
    "mode.frozen": Phrase("frozen", "gelé"),
    "mode.finetune": Phrase("fine-tuned", "affiné"),
    "legend.baseline": Phrase("baseline (TensorFlow)", "référence (TensorFlow)"),
    "legend.random": Phrase("hollow: random start", "creux : départ aléatoire"),
    "legend.non_commercial": Phrase("diamond: non-commercial", "losange : usage non commercial"),
    "legend.front": Phrase("Pareto front", "front de Pareto"),
    "figure.empty": Phrase(
        "no candidate has both {x} and {y}", "aucun candidat n’a à la fois les deux mesures : {x}, {y}"
    ),
    "figure.left_out": Phrase("not shown, not comparable: {names}", "non affichés car non comparables : {names}"),
    "differences.title": Phrase(
        "Who is really better? {n:,d} test photos", "Qui est vraiment meilleur ? {n:,d} photos de test"
    ),
    "differences.bars": Phrase(
        "Points: test accuracy with its 95 % interval. A black bar joins candidates that the paired test cannot tell "
        "apart;\nit compares them photo by photo, so it may separate candidates whose intervals overlap.",
        "Points : exactitude sur le test et son intervalle à 95 %. Une barre noire relie les candidats que le test "
        "apparié\nne départage pas ; photo par photo, il peut séparer des candidats dont les intervalles se "
        "recouvrent.",
    ),
    "differences.apart": Phrase("hollow: listed apart", "creux : affiché à part"),
    "differences.best": Phrase("the answer", "le choix"),
    "differences.bar": Phrase("cannot be told apart", "non départagés"),
    "differences.empty": Phrase("no candidate has a result", "aucun candidat n’a de résultat"),
}

PHRASES: dict[str, Phrase] = MEASURES | _FIGURES
