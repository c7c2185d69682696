"""What the report says at its end: licences, data, pre-production checklist, how to reproduce, who was not chosen."""

from __future__ import annotations

from bakeoff.language.phrases import Phrase

_LICENCES = {
    "licences.title": Phrase("Weights and licences", "Poids et licences"),
    "licences.intro": Phrase(
        "“Check the licence” counts as not proven: such a candidate is not named as the best for commercial use.",
        "« Licence à vérifier » vaut non prouvé : un tel candidat n’est pas désigné comme le meilleur pour un "
        "usage commercial.",
    ),
    "licences.backbone": Phrase("backbone", "modèle"),
    "licences.weights": Phrase("weights", "poids"),
    "licences.code": Phrase("licence of the code", "licence du code"),
    "licences.of_weights": Phrase("licence of the weights", "licence des poids"),
    "licences.commercial": Phrase("commercial use", "usage commercial"),
    "licences.revision": Phrase("revision", "révision"),
    "source.hub": Phrase("hub", "hub"),
    "source.folder": Phrase("folder", "dossier"),
    "source.package": Phrase("package", "paquet"),
    "source.random": Phrase("random", "aléatoire"),
    "source.user_file": Phrase("your file", "votre fichier"),
    "random.hub_unreachable": Phrase("hub unreachable", "hub injoignable"),
    "random.not_found": Phrase("not found", "introuvable"),
    "random.no_published_weights": Phrase("no published weights", "pas de poids publiés"),
    "random.gated": Phrase("access must be asked for", "accès sur demande"),
    "random.html_page": Phrase("a web page in place of the file", "une page web à la place du fichier"),
    "random.offline_by_params": Phrase("offline by the parameters", "hors ligne selon les paramètres"),
}

_DATA = {
    "data.title": Phrase("Data", "Données"),
    "data.set": Phrase("data set", "jeu de données"),
    "data.read": Phrase("read", "lus"),
    "data.accepted": Phrase("accepted", "acceptés"),
    "data.rejected": Phrase("rejected", "rejetés"),
    "data.groups": Phrase("groups of alike photos", "groupes de photos semblables"),
    "data.licence": Phrase("Licence: {licence}.", "Licence : {licence}."),
    "data.licence_unknown": Phrase(
        "unknown, check before you publish results", "inconnue, à vérifier avant de publier des résultats"
    ),
    "data.source": Phrase("Source:", "Source :"),
    "data.digest": Phrase("Digest", "Empreinte"),
    "data.rejected_list": Phrase("Rejected:", "Rejetés :"),
    "data.rejected_file": Phrase("each one is in `rejected.csv`.", "chacun figure dans `rejected.csv`."),
    "data.sizes": Phrase(
        "Median photo {width} × {height} px, widths {low} to {high} px.",
        "Photo médiane de {width} × {height} px, largeurs de {low} à {high} px.",
    ),
    "data.per_class": Phrase("Products per class", "Produits par classe"),
    "data.products": Phrase("products", "produits"),
    "data.share": Phrase("compared with the largest class", "par rapport à la plus grande classe"),
    "data.no_audit": Phrase(
        "No audit of the catalogue was found (`audit.json`).", "Aucun audit du catalogue n’a été trouvé (`audit.json`)."
    ),
    "rejected.class_too_small": Phrase("class too small", "classe trop petite"),
    "rejected.duplicate_image": Phrase("duplicate image", "image en double"),
    "rejected.duplicate_product_id": Phrase("duplicate product id", "identifiant en double"),
    "rejected.empty_file": Phrase("empty file", "fichier vide"),
    "rejected.empty_label": Phrase("empty label", "étiquette vide"),
    "rejected.excluded_label": Phrase("excluded label", "étiquette exclue"),
    "rejected.missing_file": Phrase("missing file", "fichier manquant"),
    "rejected.not_an_image": Phrase("not an image", "pas une image"),
    "rejected.outside_data_folder": Phrase("outside the data folder", "hors du dossier de données"),
    "rejected.too_large": Phrase("too large", "trop grande"),
    "rejected.too_small": Phrase("too small", "trop petite"),
    "rejected.truncated": Phrase("truncated", "tronquée"),
    "rejected.unreadable": Phrase("unreadable", "illisible"),
}

_CHECKS = {
    "check.title": Phrase("Pre-production checklist", "Vérifications avant la mise en production"),
    "check.intro": Phrase(
        "Each state is computed from the files named beside it; nothing is ticked by hand.",
        "Chaque état est calculé à partir des fichiers cités à côté ; rien n’est coché à la main.",
    ),
    "check.state.proved": Phrase("PROVED", "PROUVÉ"),
    "check.state.not_proved": Phrase("NOT PROVED", "NON PROUVÉ"),
    "check.state.not_applicable": Phrase("NOT APPLICABLE", "SANS OBJET"),
    "check.others": Phrase("{n} more", "{n} autres"),
    "check.name.images": Phrase("Images are readable.", "Les images sont lisibles."),
    "check.images.proved": Phrase(
        "{kept:,d} of {read:,d} products were accepted after decoding every image; {bad:,d} could not be read "
        "and are listed.",
        "{kept:,d} produits sur {read:,d} acceptés après décodage de chaque image ; illisibles et listés : {bad:,d}.",
    ),
    "check.images.lost": Phrase(
        "{n:,d} products are neither accepted nor rejected.", "{n:,d} produits ne sont ni acceptés ni rejetés."
    ),
    "check.images.missing": Phrase("There is no audit of the catalogue.", "Il n’y a pas d’audit du catalogue."),
    "check.name.duplicates": Phrase("No duplicates across the splits.", "Pas de doublons entre les parties."),
    "check.duplicates.proved": Phrase(
        "{dropped:,d} duplicates were dropped; {alike:,d} products resemble another, and the split keeps each of "
        "the {groups:,d} groups whole.",
        "Doublons écartés : {dropped:,d} ; produits qui ressemblent à un autre : {alike:,d} ; le découpage garde "
        "entier chacun des {groups:,d} groupes.",
    ),
    "check.duplicates.missing": Phrase("Duplicates were not looked for.", "Les doublons n’ont pas été cherchés."),
    "check.name.distribution": Phrase("The distribution is documented.", "La distribution est documentée."),
    "check.distribution.proved": Phrase(
        "{n:,d} classes of {smallest:,d} to {largest:,d} products (ratio {ratio:.1f}).",
        "{n:,d} classes de {smallest:,d} à {largest:,d} produits (rapport {ratio:.1f}).",
    ),
    "check.distribution.missing": Phrase("The classes were not counted.", "Les classes n’ont pas été comptées."),
    "check.name.transforms": Phrase("Transforms are tested.", "Les transformations sont testées."),
    "check.transforms.proved": Phrase(
        "All {all} trainings left a picture of what their network sees after its transforms.",
        "Les {all} apprentissages ont laissé une image de ce que voit leur réseau après ses transformations.",
    ),
    "check.transforms.missing": Phrase(
        "{n} of {all} trainings left a picture of what their network sees; none of {names}.",
        "{n} apprentissages sur {all} ont laissé une image de ce que voit leur réseau ; manquent : {names}.",
    ),
    "check.name.finite": Phrase(
        "No NaN in features or predictions.", "Aucun NaN dans les descripteurs ni les prédictions."
    ),
    "check.finite.proved": Phrase(
        "{n:,d} products judged by each of {all} trainings; every probability is a number and rows sum to 1, "
        "else evaluation stops.",
        "{n:,d} produits jugés par chacun des {all} apprentissages ; chaque probabilité est un nombre et les "
        "lignes somment à 1, sinon l’évaluation s’arrête.",
    ),
    "check.finite.missing": Phrase(
        "Predictions or their log loss are missing for {names}.",
        "Prédictions ou perte logarithmique absentes pour {names}.",
    ),
    "check.name.class_weights": Phrase("Class weights.", "Poids des classes."),
    "check.class_weights.proved": Phrase(
        "The largest class is {ratio:.1f} times the smallest; every training balanced them.",
        "La plus grande classe fait {ratio:.1f} fois la plus petite ; chaque apprentissage les a équilibrées.",
    ),
    "check.class_weights.even": Phrase(
        "The largest class is only {ratio:.1f} times the smallest.",
        "La plus grande classe ne fait que {ratio:.1f} fois la plus petite.",
    ),
    "check.class_weights.missing": Phrase(
        "The largest class is {ratio:.1f} times the smallest, and no record says that classes were weighted "
        "({names}): read macro F1 and the small classes.",
        "La plus grande classe fait {ratio:.1f} fois la plus petite et rien n’indique une pondération ({names}) "
        ": regardez la F1 macro et les petites classes.",
    ),
    "check.class_weights.unknown": Phrase("The classes were not counted.", "Les classes n’ont pas été comptées."),
    "check.name.seeds": Phrase("Seeds are fixed.", "Les graines sont fixées."),
    "check.seeds.one": Phrase(
        "Seed {seeds} in every training. One seed: how much another would change is not known.",
        "Graine {seeds} dans chaque apprentissage. Une seule graine : l’effet d’une autre n’est pas connu.",
    ),
    "check.seeds.several": Phrase(
        "Seeds {seeds}, recorded with every training.", "Graines {seeds}, notées avec chaque apprentissage."
    ),
    "check.seeds.missing": Phrase("No seed is recorded for {names}.", "Aucune graine notée pour {names}."),
    "check.name.versions": Phrase("Versions are recorded.", "Les versions sont notées."),
    "check.versions.proved": Phrase(
        "Library versions and the git commit stand in every record (distinct commits: {n}).",
        "Les versions des bibliothèques et le commit git figurent partout (commits distincts : {n}).",
    ),
    "check.versions.missing": Phrase(
        "Versions or the commit are missing for {names}.", "Versions ou commit absents pour {names}."
    ),
}

_REPRODUCE = {
    "reproduce.title": Phrase("How to get these numbers again", "Comment retrouver ces chiffres"),
    "reproduce.commands": Phrase("Commands", "Commandes"),
    "reproduce.digest": Phrase(
        "The same photos are needed too: `data/catalogue/labels.json` must then say the digest `{digest}`.",
        "Il faut aussi les mêmes photos : `data/catalogue/labels.json` doit alors indiquer l’empreinte `{digest}`.",
    ),
    "reproduce.by_hand": Phrase(
        "No `-S` choices compose this study’s `params.yaml` from `conf/`: it was edited by hand. Keep that file; "
        "`bakeoff run` runs it.",
        "Aucun choix `-S` ne compose le `params.yaml` de cette étude à partir de `conf/` : il a été modifié à la "
        "main. Gardez ce fichier ; `bakeoff run` le lance.",
    ),
    "reproduce.commits": Phrase("Trained at {n} commits:", "Apprentissages faits sur {n} commits :"),
    "reproduce.own_commit": Phrase(
        "Each candidate’s `training.json` names its own.", "Le `training.json` de chaque candidat nomme le sien."
    ),
    "reproduce.no_commit": Phrase(
        "The trainings ran outside a git commit.", "Les apprentissages ont eu lieu hors d’un commit git."
    ),
    "reproduce.details": Phrase("Schedules, versions and keys", "Calendriers, versions et clés"),
    "reproduce.schedules": Phrase("Training schedules", "Calendriers d’apprentissage"),
    "reproduce.candidates": Phrase("candidates", "candidats"),
    "reproduce.epochs": Phrase("epochs", "époques"),
    "reproduce.rate": Phrase("learning rate", "taux d’apprentissage"),
    "reproduce.steps": Phrase("max steps", "pas au plus"),
    "reproduce.batch": Phrase("batch", "lot"),
    "reproduce.loss": Phrase("loss", "perte"),
    "reproduce.keys": Phrase(
        "The keys below find each training’s run in MLflow, with this filter and the key in place of the dots:",
        "Les clés ci-dessous retrouvent l’exécution de chaque apprentissage dans MLflow, avec ce filtre et la "
        "clé à la place des points :",
    ),
    "not_chosen.title": Phrase("Listed, not chosen", "Listés, non retenus"),
    "not_chosen.seed": Phrase("seed {seed}", "graine {seed}"),
}

PHRASES: dict[str, Phrase] = {**_LICENCES, **_DATA, **_CHECKS, **_REPRODUCE}
