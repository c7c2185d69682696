"""What `bakeoff aggregate` says of several splits."""

from __future__ import annotations

from bakeoff.language.phrases import Phrase

PHRASES: dict[str, Phrase] = {
    "aggregate.title": Phrase(
        "{dataset}, profile {profile}: test accuracy over {n} splits",
        "{dataset}, profil {profile} : exactitude sur le jeu de test, {n} découpages",
    ),
    "aggregate.column.candidate": Phrase("candidate", "candidat"),
    "aggregate.column.mean": Phrase("mean", "moyenne"),
    "aggregate.column.sd": Phrase("SD of splits", "écart-type"),
    "aggregate.column.error": Phrase("SE, corrected", "erreur type corrigée"),
    "aggregate.column.interval": Phrase("95 % interval", "intervalle à 95 %"),
    "aggregate.column.best": Phrase("best in", "en tête"),
    "aggregate.column.rank": Phrase("mean rank", "rang moyen"),
    "aggregate.column.behind": Phrase("points behind (p)", "points de retard (p)"),
    "aggregate.best_in": Phrase("{n_best} of {n}", "{n_best} sur {n}"),
    "aggregate.apart": Phrase("{n} splits only", "{n} découpages seulement"),
    "aggregate.random_weights": Phrase("random start", "poids aléatoires"),
    "aggregate.partly": Phrase("{why} ({n_apart} of {n})", "{why} ({n_apart} sur {n})"),
    "aggregate.not_learned": Phrase("did not learn", "n’a rien appris"),
    "aggregate.listed_apart": Phrase(
        "Listed and not ranked, as their results say nothing of their backbones (random weights, or nothing learned): "
        "{names}.",
        "Cités sans être classés, car leurs résultats ne disent rien de leurs réseaux (poids aléatoires, ou rien "
        "d’appris) : {names}.",
    ),
    "aggregate.sentence.none": Phrase(
        "No candidate can be ranked: none has a result on every split that says something of its backbone.",
        "Aucun candidat ne peut être classé : aucun n’a sur chaque découpage un résultat qui dise quelque chose de son "
        "réseau.",
    ),
    "aggregate.sentence.alone": Phrase(
        "{best} reaches {mean:.3f} on average over {n} splits (95 % interval {low:.3f} to {high:.3f}).",
        "{best} atteint {mean:.3f} en moyenne sur {n} découpages (intervalle à 95 % : {low:.3f} à {high:.3f}).",
    ),
    "aggregate.sentence.lead": Phrase(
        "{best} has the highest mean, {mean:.3f} (95 % interval {low:.3f} to {high:.3f}), and is the best in {n_best} "
        "of {n} splits. {second} is {points:.1f} points behind (95 % interval {points_low:.1f} to {points_high:.1f}, "
        "p = {p:.3f}): {verdict}",
        "{best} obtient la meilleure moyenne, {mean:.3f} (intervalle à 95 % : {low:.3f} à {high:.3f}), et arrive en "
        "tête dans {n_best} découpages sur {n}. Écart avec {second} : {points:.1f} pt (intervalle à 95 % : "
        "{points_low:.1f} à {points_high:.1f} ; p = {p:.3f}). {verdict}",
    ),
    "aggregate.verdict.lead": Phrase("more than chance explains.", "C’est plus que le hasard n’en explique."),
    "aggregate.verdict.undecided": Phrase(
        "these splits cannot tell the two apart.", "Ces découpages ne permettent pas de les départager."
    ),
    "aggregate.method": Phrase(
        "Training sets of different splits overlap, so the plain standard error is too small: it is corrected after "
        "Nadeau and Bengio (2003), with {ratio:.3f} test products per training product. Intervals and p-values are "
        "not adjusted for the number of candidates.",
        "Les jeux d’entraînement des différents découpages se recouvrent : l’erreur type usuelle serait trop faible. "
        "Elle est corrigée d’après Nadeau et Bengio (2003), avec {ratio:.3f} produit de test par produit "
        "d’entraînement. Intervalles et valeurs p ne sont pas ajustés au nombre de candidats.",
    ),
    "aggregate.same_split.one": Phrase(
        "{n} older result of a split that was run again does not count.",
        "{n} résultat plus ancien d’un découpage relancé depuis n’est pas compté.",
    ),
    "aggregate.same_split.other": Phrase(
        "{n} older results of splits that were run again do not count.",
        "{n} résultats plus anciens de découpages relancés depuis ne sont pas comptés.",
    ),
    "aggregate.single": Phrase(
        "Left out, a single split each of another data set, profile or training: {names}.",
        "Laissés de côté, un seul découpage chacun avec d’autres données, un autre profil ou un autre "
        "entraînement : {names}.",
    ),
    "aggregate.figure.x": Phrase(
        "test accuracy (dots: splits; line: mean and 95 % interval, corrected)",
        "exactitude sur le jeu de test (points : découpages ; trait : moyenne et intervalle à 95 % corrigé)",
    ),
    "aggregate.written": Phrase("Written: {files}", "Fichiers écrits : {files}"),
}
