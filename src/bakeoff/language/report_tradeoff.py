"""What the report says of candidates beside each other: scatter, paired comparisons, decision matrix."""

from __future__ import annotations

from bakeoff.language.phrases import Phrase

_TRADEOFF = {
    "tradeoff.title": Phrase("Accuracy against what it costs", "L’exactitude et son prix"),
    "tradeoff.intro": Phrase(
        "Higher is more accurate. No candidate on the dashed line (the Pareto front of those not listed apart) is "
        "beaten on both measures. Vertical bars are the 95 % interval of each candidate alone; whether two of them "
        "differ is tested below. Point at a candidate, or reach it with the Tab key, to see its numbers and its run "
        "in MLflow.",
        "Plus haut, plus exact. Aucun candidat de la ligne en tirets (le front de Pareto, hors candidats affichés à "
        "part) n’est battu sur les deux mesures. Les barres verticales sont l’intervalle à 95 % de chaque candidat "
        "pris seul ; le test qui les compare deux à deux est plus bas. Survolez un candidat, ou atteignez-le avec la "
        "touche Tab, pour voir ses chiffres et son exécution dans MLflow.",
    ),
    "tradeoff.switch": Phrase("Against:", "En fonction de :"),
    "tradeoff.view.latency_ms": Phrase("ms per photo", "ms par photo"),
    "tradeoff.view.images_per_s": Phrase("images/s", "images/s"),
    "tradeoff.view.size_mib": Phrase("size", "taille"),
    "tradeoff.axis.latency_ms": Phrase(
        "inference time for one photo, median, ms (left is faster)",
        "temps d’inférence d’une photo, médiane, ms (à gauche : plus rapide)",
    ),
    "tradeoff.axis.images_per_s": Phrase(
        "images per second at the best batch size (right is faster)",
        "images par seconde à la meilleure taille de lot (à droite : plus rapide)",
    ),
    "tradeoff.axis.size_mib": Phrase(
        "model size, MiB (left is smaller)", "taille du modèle, Mio (à gauche : plus petit)"
    ),
    "tradeoff.axis.accuracy": Phrase(
        "test accuracy, with 95 % intervals", "exactitude sur le test, intervalles à 95 %"
    ),
    "tradeoff.label": Phrase(
        "Scatter of test accuracy against {measure}. On the Pareto front: {names}.",
        "Nuage de points : exactitude sur le test en fonction de {measure}. Sur le front de Pareto : {names}.",
    ),
    "tradeoff.front": Phrase("On the Pareto front: {names}.", "Sur le front de Pareto : {names}."),
    "tradeoff.no_front": Phrase(
        "No candidate may be chosen, so there is no front.",
        "Aucun candidat ne peut être choisi : il n’y a pas de front.",
    ),
    "tradeoff.legend": Phrase("Legend", "Légende"),
    "tradeoff.missing": Phrase(
        "No candidate has both an accuracy and a cost.", "Aucun candidat n’a à la fois une exactitude et un coût."
    ),
    "tradeoff.mlflow": Phrase(
        "To open a candidate’s run in MLflow, start `make ui` and paste the filter of its tooltip into the "
        "search field above "
        "the table of runs.",
        "Pour ouvrir l’exécution d’un candidat dans MLflow, lancez `make ui` et collez le filtre de son "
        "infobulle dans le champ "
        "de recherche au-dessus de la table des exécutions.",
    ),
    "mode.frozen": Phrase("frozen", "gelé"),
    "mode.finetune": Phrase("fine-tuned", "affiné"),
    "mode.baseline": Phrase("baseline (TensorFlow)", "référence (TensorFlow)"),
    "legend.hollow": Phrase("hollow: random start", "creux : départ aléatoire"),
    "legend.diamond": Phrase("diamond: non-commercial", "losange : non commercial"),
    "legend.front": Phrase("Pareto front", "front de Pareto"),
    "tip.accuracy": Phrase(
        "accuracy {accuracy} (95 % interval {low} to {high})",
        "exactitude {accuracy} (intervalle à 95 % : {low} à {high})",
    ),
    "tip.times": Phrase(
        "{latency} ms per photo, {rate} images/s in batches", "{latency} ms par photo, {rate} images/s par lots"
    ),
    "tip.size": Phrase("{size} MiB, licence {licence}", "{size} Mio, licence {licence}"),
    "tip.run": Phrase("MLflow: {filter}", "MLflow : {filter}"),
}

_PAIRED = {
    "paired.title": Phrase("Which differences are real", "Quels écarts sont réels"),
    "paired.intro": Phrase(
        "All candidates judge the same test products, so they are compared product by product: McNemar’s test on "
        "those that only one of two gets right (several seeds: its sign-flip form), a paired bootstrap for the "
        "interval, Holm’s correction of p because many pairs are tested. Intervals are of one pair and not corrected: "
        "one that leaves out 0 does not decide, the verdict does, at 5 %.",
        "Tous les candidats jugent les mêmes produits de test ; ils sont donc comparés produit par produit : test de "
        "McNemar sur ceux qu’un seul des deux reconnaît (plusieurs graines : sa forme par changements de signe), "
        "bootstrap apparié pour l’intervalle, correction de Holm des valeurs p parce que de nombreuses paires sont "
        "testées. Les intervalles valent pour une seule paire, sans correction : ce n’est pas l’intervalle qui "
        "tranche, mais le verdict, au seuil de 5 %.",
    ),
    "paired.picture": Phrase(
        "Difference in accuracy to {reference}, with 95 % intervals",
        "Écart d’exactitude avec {reference}, intervalles à 95 %",
    ),
    "paired.axis": Phrase(
        "difference in accuracy to {reference}, points", "écart d’exactitude avec {reference}, points"
    ),
    "paired.caption": Phrase(
        "Green: better; red: worse; grey: not told apart, all by the corrected test. A vertical bar at the right "
        "joins candidates that these test products cannot tell apart.",
        "Vert : meilleur ; rouge : moins bon ; gris : non départagés, le tout selon le test corrigé. Une barre "
        "verticale à droite réunit les candidats que ces produits de test ne départagent pas.",
    ),
    "paired.against.best": Phrase(
        "Every candidate against the best, {name}", "Chaque candidat face au meilleur, {name}"
    ),
    "paired.against.baseline": Phrase(
        "Every candidate against the baseline, {name}", "Chaque candidat face à la référence, {name}"
    ),
    "verdict.better": Phrase("BETTER", "MEILLEUR"),
    "verdict.worse": Phrase("WORSE", "MOINS BON"),
    "verdict.undecided": Phrase("UNDECIDED", "INDÉCIS"),
    "seeds.title": Phrase("How much the training seed matters", "Ce que change la graine d’apprentissage"),
    "seeds.intro": Phrase(
        "Standard deviation of the accuracy between trainings, and the one that the choice of test products brings.",
        "Écart type de l’exactitude d’un apprentissage à l’autre, et celui qui vient du choix des produits de test.",
    ),
    "matrix.title": Phrase("Weighted decision matrix", "Matrice de décision pondérée"),
    "matrix.intro": Phrase(
        "Scores from 0 to 10 for five criteria, weighted as the parameters say. It gives a second opinion; the "
        "choice follows the rule at the top.",
        "Notes de 0 à 10 pour cinq critères, pondérées selon les paramètres. C’est un second avis ; le choix "
        "suit la règle énoncée en tête.",
    ),
    "matrix.weight": Phrase("weight {weight}", "poids {weight}"),
    "matrix.total": Phrase("total", "total"),
    "matrix.how": Phrase("How each criterion is scored", "Comment chaque critère est noté"),
}

PHRASES: dict[str, Phrase] = {**_TRADEOFF, **_PAIRED}
