"""The closing summary of a run in a terminal."""

from __future__ import annotations

from bakeoff.language.phrases import Phrase

PHRASES: dict[str, Phrase] = {
    "title": Phrase("Leaderboard, {n:,d} test products", "Classement, {n:,d} produits de test"),
    "column.candidate": Phrase("candidate", "candidat"),
    "column.accuracy": Phrase("accuracy", "exactitude"),
    "column.interval": Phrase("95 % interval", "intervalle à 95 %"),
    "column.macro_f1": Phrase("macro F1", "F1 macro"),
    "column.latency": Phrase("ms/photo", "ms/photo"),
    "column.images_per_s": Phrase("images/s", "images/s"),
    "column.size": Phrase("MiB", "Mio"),
    "column.notes": Phrase("notes", "remarques"),
    "mark.random_start": Phrase("RANDOM START", "ALÉATOIRE"),
    "mark.non_commercial": Phrase("NON-COMMERCIAL", "NON COMMERCIAL"),
    "mark.check_licence": Phrase("CHECK LICENCE", "VOIR LICENCE"),
    "mark.did_not_learn": Phrase("DID NOT LEARN", "N’A PAS APPRIS"),
    "mark.failed": Phrase("FAILED", "ÉCHEC"),
    "failed": Phrase("FAILED {candidate} (seed {seed}): {problem}", "ÉCHEC {candidate} (graine {seed}) : {problem}"),
    "not_made": Phrase("NOT MADE: {what} ({error})", "NON PRODUIT : {what} ({error})"),
    "heading.sure": Phrase("How sure is that?", "Est-ce sûr ?"),
    "heading.scenarios": Phrase("Elsewhere:", "Ailleurs :"),
    "run.expected_quick": Phrase(
        "{n} candidates, profile quick: about {minutes:.0f} min on two CPU cores, less for what is done already.",
        "{n} candidats, profil quick : environ {minutes:.0f} min sur deux cœurs, moins pour ce qui est déjà fait.",
    ),
    "run.expected": Phrase(
        "{n} candidates, profile {profile}: {epochs} epochs each. On a GPU minutes per candidate; on a CPU hours to "
        "days.",
        "{n} candidats, profil {profile} : {epochs} époques chacun. Sur GPU, quelques minutes par candidat ; sur CPU, "
        "des heures, voire des jours.",
    ),
    "run.locks": Phrase(
        "Cleared locks of DVC processes that no longer run: {processes}.",
        "Verrous laissés par des processus DVC terminés, supprimés : {processes}.",
    ),
    "run.lock_file": Phrase("its file was cut short", "leur fichier était tronqué"),
    "run.raw_changed": Phrase(
        "The raw files changed since the last run.", "Les fichiers bruts ont changé depuis la dernière exécution."
    ),
    "run.failed": Phrase(
        "Some stages failed (see above); comparing what exists.",
        "Des étapes ont échoué (voir plus haut) ; la comparaison porte sur les résultats disponibles.",
    ),
    "run.took": Phrase("Took {minutes:.1f} min.", "Durée : {minutes:.1f} min."),
    "run.generated": Phrase(
        "The catalogue is the generated one: the demo photos could not be downloaded here.",
        "Le catalogue utilisé est le catalogue synthétique : les photos de démonstration n’ont pas pu être "
        "téléchargées ici.",
    ),
    "place": Phrase("{title}:", "{title} :"),
    "place.report": Phrase("Report", "Rapport"),
    "place.figures": Phrase("Figures", "Figures"),
    "place.heat_maps": Phrase("Heat maps", "Cartes de chaleur"),
    "place.mlflow": Phrase("MLflow", "MLflow"),
    "place.ui": Phrase("make ui   (or `bakeoff ui`)", "make ui   (ou `bakeoff ui`)"),
}
