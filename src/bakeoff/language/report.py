"""What the report says at its top: frame, answer, leaderboard."""

from __future__ import annotations

from bakeoff.language.phrases import Phrase

_FRAME = {
    "title.none": Phrase("no choice", "aucun choix"),
    "title.catalogue": Phrase("the catalogue", "le catalogue"),
    "skip": Phrase("Skip to the answer", "Aller à la réponse"),
    "heading": Phrase("Which image backbone should you deploy?", "Quel modèle d’images faut-il déployer ?"),
    "subtitle.one": Phrase(
        "{n} candidate on **{dataset}**, {n_test} test products in {n_labels} classes.",
        "{n} candidat sur **{dataset}**, {n_test} produits de test en {n_labels} classes.",
    ),
    "subtitle.other": Phrase(
        "{n} candidates on **{dataset}**, {n_test} test products in {n_labels} classes.",
        "{n} candidats sur **{dataset}**, {n_test} produits de test en {n_labels} classes.",
    ),
    "subtitle.failed.one": Phrase("{n} failed.", "{n} a échoué."),
    "subtitle.failed.other": Phrase("{n} failed.", "{n} ont échoué."),
    "unknown": Phrase("unknown", "inconnu"),
    "range": Phrase("{low} to {high}", "{low} à {high}"),
    "unit.images_per_s": Phrase("images/s", "images/s"),
    "unit.mib": Phrase("MiB", "Mio"),
    "footer": Phrase(
        "Written by bakeoff from `{runs}/`. Every number is in `leaderboard.csv`, `choice.json` and the "
        "candidate’s own "
        "folder.",
        "Écrit par bakeoff à partir de `{runs}/`. Chaque nombre se trouve dans `leaderboard.csv`, `choice.json` et le "
        "dossier du candidat.",
    ),
    "section.failed": Phrase(
        "This section could not be made; the other sections and every number stand. `bakeoff doctor` says where the "
        "traceback is.",
        "Cette section n’a pas pu être produite ; les autres sections et tous les chiffres sont valables. "
        "`bakeoff doctor` indique où se trouve la trace d’appels.",
    ),
    "nav.label": Phrase("Sections", "Sections"),
    "nav.answer": Phrase("Answer", "Réponse"),
    "nav.leaderboard": Phrase("Leaderboard", "Classement"),
    "nav.tradeoff": Phrase("Trade-off", "Compromis"),
    "nav.comparisons": Phrase("Differences", "Écarts"),
    "nav.matrix": Phrase("Matrix", "Matrice"),
    "nav.classes": Phrase("Classes", "Classes"),
    "nav.confusions": Phrase("Confusions", "Confusions"),
    "nav.calibration": Phrase("Calibration", "Calibration"),
    "nav.learning": Phrase("Learning", "Apprentissage"),
    "nav.speed": Phrase("Speed", "Vitesse"),
    "nav.heat_maps": Phrase("Heat maps", "Cartes de chaleur"),
    "nav.colour": Phrase("Colour", "Couleur"),
    "nav.licences": Phrase("Licences", "Licences"),
    "nav.data": Phrase("Data", "Données"),
    "nav.checklist": Phrase("Checklist", "Vérifications"),
    "nav.reproduce": Phrase("Reproduce", "Reproduire"),
    "nav.not_chosen": Phrase("Not chosen", "Non retenus"),
}

_ANSWER = {
    "answer.best": Phrase("Deploy this one", "À déployer"),
    "answer.both": Phrase("Deploy this one, also commercially", "À déployer, y compris en usage commercial"),
    "answer.commercial": Phrase("Best for commercial use", "Le meilleur pour un usage commercial"),
    "answer.none": Phrase("None", "Aucun"),
    "answer.sure": Phrase("How sure is this?", "Est-ce certain ?"),
    "answer.scenarios": Phrase("Under other constraints", "Sous d’autres contraintes"),
    "answer.rule": Phrase("**Rule of the choice:** {rule}", "**Règle du choix :** {rule}"),
    "figure.accuracy": Phrase("test accuracy", "exactitude (test)"),
    "figure.latency": Phrase("one photo", "une photo"),
    "figure.rate": Phrase("in batches", "par lots"),
    "figure.size": Phrase("model", "modèle"),
    "mark.random": Phrase("RANDOM START", "DÉPART ALÉATOIRE"),
    "mark.non_commercial": Phrase("NON-COMMERCIAL", "NON COMMERCIAL"),
    "mark.check_licence": Phrase("CHECK LICENCE", "LICENCE À VÉRIFIER"),
    "mark.not_learned": Phrase("DID NOT LEARN", "N’A PAS APPRIS"),
    "mark.chosen": Phrase("CHOSEN", "RETENU"),
    "mark.published": Phrase("PUBLISHED", "PUBLIÉ"),
    "mark.failed": Phrase("FAILED", "ÉCHEC"),
    "mark.noisy": Phrase("NOISY", "BRUITÉ"),
    "mark.yes": Phrase("YES", "OUI"),
}

_BOARD = {
    "board.intro": Phrase(
        "By test accuracy, then by latency; press a heading to sort. The bar is the 95 % Wilson interval of "
        "{n_test} test "
        "products.",
        "Par exactitude sur le test, puis par latence ; cliquez sur un titre pour trier. La barre est "
        "l’intervalle de Wilson "
        "à 95 % pour {n_test} produits de test.",
    ),
    "board.seeds": Phrase(
        "Values are means over seeds {seeds}.", "Les valeurs sont des moyennes sur les graines {seeds}."
    ),
    "board.device": Phrase("Times: {device}", "Temps mesurés sur : {device}"),
    "board.threads.one": Phrase("{n} thread", "{n} fil d’exécution"),
    "board.threads.other": Phrase("{n} threads", "{n} fils d’exécution"),
    "board.more": Phrase("More columns:", "Plus de colonnes :"),
    "board.group.quality": Phrase("Quality", "Qualité"),
    "board.group.speed": Phrase("Speed", "Vitesse"),
    "board.group.cost": Phrase("Cost", "Coût"),
    "board.rank": Phrase("Rank", "Rang"),
    "board.other_device": Phrase("measured on another device: {device}", "mesuré sur une autre machine : {device}"),
    "board.references.one": Phrase("{n} published result, for orientation", "{n} résultat publié, à titre indicatif"),
    "board.references.other": Phrase(
        "{n} published results, for orientation", "{n} résultats publiés, à titre indicatif"
    ),
    "board.references_label": Phrase("Published results", "Résultats publiés"),
    "board.references_note": Phrase(
        "Other people’s numbers, measured on other photos: they say what to expect, not who wins here.",
        "Chiffres d’autres auteurs, mesurés sur d’autres photos : ils disent à quoi s’attendre, non qui gagne ici.",
    ),
    "measure.imagenet_top1": Phrase("ImageNet top-1 accuracy", "exactitude top-1 sur ImageNet"),
    "measure.weighted_f1": Phrase("weighted F1", "F1 pondérée"),
    "measure.macro_f1": Phrase("macro F1", "F1 macro"),
    "measure.accuracy": Phrase("accuracy", "exactitude"),
    "split.train": Phrase("train", "apprentissage"),
    "split.validation": Phrase("validation", "validation"),
    "split.test": Phrase("test", "test"),
}

_COLUMNS = {
    "candidate": ("candidate", "candidat"),
    "accuracy": ("accuracy", "exactitude"),
    "interval": ("95 % interval", "intervalle à 95 %"),
    "macro_f1": ("macro F1", "F1 macro"),
    "log_loss": ("log loss", "perte log."),
    "latency": ("ms/photo", "ms/photo"),
    "images_per_s": ("images/s", "images/s"),
    "size": ("MiB", "Mio"),
    "balanced_accuracy": ("balanced acc.", "exact. équilibrée"),
    "weighted_f1": ("weighted F1", "F1 pondérée"),
    "top_3_accuracy": ("top 3", "top 3"),
    "top_5_accuracy": ("top 5", "top 5"),
    "matthews": ("Matthews", "Matthews"),
    "cohen_kappa": ("kappa", "kappa"),
    "roc_auc": ("ROC AUC", "AUC ROC"),
    "pr_auc": ("PR AUC", "AUC PR"),
    "brier": ("Brier", "Brier"),
    "ece": ("ECE", "ECE"),
    "latency_p90": ("p90 ms", "p90 ms"),
    "latency_p99": ("p99 ms", "p99 ms"),
    "images_per_cpu_s": ("images/CPU-s", "images/s CPU"),
    "end_to_end": ("end to end images/s", "images/s de bout en bout"),
    "parameters": ("M par.", "M par."),
    "gmacs": ("GMACs", "GMAC"),
    "predict_memory": ("peak MiB", "pic Mio"),
    "train_time": ("train s", "apprent. s"),
    "train_memory": ("train MiB", "apprent. Mio"),
    "reference": ("published by others", "publié par d’autres"),
    "measure": ("measure", "mesure"),
    "value": ("value", "valeur"),
    "split": ("on", "sur"),
    "source": ("source", "source"),
    "difference": ("difference, points", "écart, points"),
    "f1_difference": ("macro F1, points", "F1 macro, points"),
    "only_right": ("only it right", "lui seul juste"),
    "only_other": ("only other right", "l’autre seul juste"),
    "p_value": ("p", "p"),
    "p_holm": ("p (Holm)", "p (Holm)"),
    "n_needed": ("products needed", "produits nécessaires"),
    "verdict": ("verdict", "verdict"),
    "n_seeds": ("seeds", "graines"),
    "sd_seeds": ("SD from seeds, points", "écart type dû aux graines, points"),
    "sd_data": ("SD from test products, points", "écart type dû aux produits de test, points"),
    "class": ("class", "classe"),
    "support": ("test photos", "photos de test"),
    "mean_f1": ("mean F1", "F1 moyenne"),
    "temperature": ("temperature", "température"),
    "note": ("note", "remarque"),
}

_HINTS = {
    "macro_f1": (
        "mean of the classes’ F1, small classes count as much as large ones",
        "moyenne des F1 par classe : les petites classes comptent autant que les grandes",
    ),
    "log_loss": (
        "how surely wrong the probabilities are; lower is better",
        "à quel point les probabilités se trompent avec assurance ; plus bas est mieux",
    ),
    "latency": ("median time for one photo alone, model only", "temps médian pour une photo seule, modèle seul"),
    "images_per_s": ("at the best batch size, model only", "à la meilleure taille de lot, modèle seul"),
    "size": (
        "parameters and buffers of backbone and head as float32",
        "paramètres et tampons du modèle et de sa tête en float32",
    ),
    "balanced_accuracy": ("mean recall of the classes", "rappel moyen des classes"),
    "weighted_f1": ("F1 weighted by the classes’ numbers of photos", "F1 pondérée par le nombre de photos des classes"),
    "top_3_accuracy": ("the true class is among the first three", "la vraie classe est parmi les trois premières"),
    "top_5_accuracy": ("the true class is among the first five", "la vraie classe est parmi les cinq premières"),
    "matthews": ("Matthews correlation, 1 is perfect and 0 is chance", "corrélation de Matthews : 1 parfait, 0 hasard"),
    "cohen_kappa": ("Cohen’s kappa, agreement beyond chance", "kappa de Cohen, accord au-delà du hasard"),
    "roc_auc": (
        "area under the ROC curve, mean of one class against the rest",
        "aire sous la courbe ROC, moyenne d’une classe contre les autres",
    ),
    "pr_auc": (
        "mean average precision of one class against the rest",
        "précision moyenne d’une classe contre les autres",
    ),
    "brier": ("squared error of the probabilities, 0 to 2", "erreur quadratique des probabilités, de 0 à 2"),
    "ece": (
        "expected calibration error, before temperature scaling",
        "erreur de calibration attendue, avant calibration",
    ),
    "latency_p90": ("nine photos of ten are faster", "neuf photos sur dix sont plus rapides"),
    "latency_p99": ("99 photos of 100 are faster", "99 photos sur 100 sont plus rapides"),
    "images_per_cpu_s": ("per second of one core’s work", "par seconde de travail d’un cœur"),
    "end_to_end": ("reading, decoding and preparing included", "lecture, décodage et préparation compris"),
    "parameters": ("millions of parameters", "millions de paramètres"),
    "gmacs": ("billions of multiply-adds for one photo", "milliards de multiplications-additions par photo"),
    "predict_memory": ("peak memory while predicting", "pic de mémoire pendant la prédiction"),
    "train_time": ("training time", "durée de l’apprentissage"),
    "train_memory": ("peak memory while training", "pic de mémoire pendant l’apprentissage"),
}

PHRASES: dict[str, Phrase] = {
    **_FRAME,
    **_ANSWER,
    **_BOARD,
    **{f"col.{name}": Phrase(*pair) for name, pair in _COLUMNS.items()},
    **{f"hint.{name}": Phrase(*pair) for name, pair in _HINTS.items()},
}
