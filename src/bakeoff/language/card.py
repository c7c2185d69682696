"""What the winner's model card says; its YAML head is the same in both languages."""

from __future__ import annotations

from bakeoff.language.phrases import Phrase

PHRASES: dict[str, Phrase] = {
    "card.nothing": Phrase(
        "No candidate was chosen, so there is no model card. {reason}",
        "Aucun candidat n’a été retenu, il n’y a donc pas de fiche de modèle. {reason}",
    ),
    "card.lead": Phrase(
        "Sorts product photos into {n_labels} classes. It is the candidate that `bakeoff` chose among {n_candidates}.",
        "Classe des photos de produits en {n_labels} catégories. C’est le candidat que `bakeoff` a retenu parmi "
        "{n_candidates}.",
    ),
    "card.what": Phrase("What it is", "Ce que c’est"),
    "card.network": Phrase(
        "{architecture}, {parameters:.1f} million parameters, input {image_size} × {image_size} px",
        "{architecture}, {parameters:.1f} millions de paramètres, entrée {image_size} × {image_size} px",
    ),
    "card.network_no_size": Phrase(
        "{architecture}, {parameters:.1f} million parameters", "{architecture}, {parameters:.1f} millions de paramètres"
    ),
    "card.mode.frozen": Phrase(
        "a new classifier on a backbone that stayed as it was (frozen)",
        "un nouveau classifieur sur un réseau laissé tel quel (gelé)",
    ),
    "card.mode.finetune": Phrase(
        "backbone and classifier trained together (fine-tuned)",
        "réseau et classifieur entraînés ensemble (affinage)",
    ),
    "card.mode.other": Phrase("mode {mode}", "mode {mode}"),
    "card.weights": Phrase("Starting weights: {origin}.", "Poids de départ : {origin}."),
    "card.weights_random": Phrase(
        "Starting weights: **random** ({reason}); nothing was learned from other pictures beforehand.",
        "Poids de départ : **aléatoires** ({reason}) ; rien n’a été appris d’autres images auparavant.",
    ),
    "card.labels": Phrase("Classes: {labels}.", "Catégories : {labels}."),
    "card.data": Phrase("Data", "Données"),
    "card.dataset": Phrase("Data set **{name}**, licence {licence}.", "Jeu de données **{name}**, licence {licence}."),
    "card.source": Phrase("Source: {url}", "Source : {url}"),
    "card.splits": Phrase(
        "{train:,d} products to train on, {validation:,d} to validate, {test:,d} to test; near-duplicates never lie in "
        "two of them.",
        "{train:,d} produits pour l’entraînement, {validation:,d} pour la validation, {test:,d} pour le test ; les "
        "quasi-doublons ne sont jamais répartis sur deux d’entre eux.",
    ),
    "card.training": Phrase("Training", "Entraînement"),
    "card.schedule": Phrase(
        "{epochs} of at most {max_epochs} epochs, best after epoch {best_epoch}; learning rate {learning_rate:g}, "
        "batches of {batch_size}, loss {loss}, {seconds:.0f} s on {device}.",
        "{epochs} époques sur {max_epochs} au plus, la meilleure étant la {best_epoch} ; taux d’apprentissage "
        "{learning_rate:g}, lots de {batch_size}, perte {loss}, {seconds:.0f} s sur {device}.",
    ),
    "card.seeds": Phrase(
        "{n} trainings with different seeds were made. This one (seed {seed}) has the best validation accuracy; the "
        "test photos had no say in it.",
        "{n} entraînements avec des graines différentes ont été faits. Celui-ci (graine {seed}) a la meilleure "
        "exactitude de validation ; les photos de test n’ont pas compté dans ce choix.",
    ),
    "card.metrics": Phrase("Results on the test photos", "Résultats sur les photos de test"),
    "card.metrics_head": Phrase("| measure | value | 95 % interval |", "| mesure | valeur | intervalle à 95 % |"),
    "card.no_interval": Phrase("not computed", "non calculé"),
    "card.to": Phrase("{low:.3f} to {high:.3f}", "{low:.3f} à {high:.3f}"),
    "card.metric.accuracy": Phrase("accuracy", "exactitude"),
    "card.metric.balanced_accuracy": Phrase("balanced accuracy", "exactitude équilibrée"),
    "card.metric.top_3_accuracy": Phrase("top-3 accuracy", "exactitude top-3"),
    "card.metric.top_5_accuracy": Phrase("top-5 accuracy", "exactitude top-5"),
    "card.metric.macro_f1": Phrase("macro F1", "F1 macro"),
    "card.metric.weighted_f1": Phrase("weighted F1", "F1 pondérée"),
    "card.metric.matthews": Phrase("Matthews correlation", "corrélation de Matthews"),
    "card.metric.roc_auc": Phrase("ROC-AUC, one against the rest", "aire sous la courbe ROC, un contre tous"),
    "card.metric.log_loss": Phrase("log loss", "perte logarithmique"),
    "card.metric.brier": Phrase("Brier score (0 to 2)", "score de Brier (0 à 2)"),
    "card.splits_compared": Phrase(
        "Accuracy on train {train:.3f}, validation {validation:.3f}, test {test:.3f}.",
        "Exactitude : entraînement {train:.3f}, validation {validation:.3f}, test {test:.3f}.",
    ),
    "card.calibration": Phrase("Can its probabilities be believed?", "Peut-on croire ses probabilités ?"),
    "card.calibrated": Phrase(
        "Probabilities are calibrated by a temperature of {temperature:.2f}, fitted on {n:,d} validation photos. The "
        "expected calibration error on the test photos goes from {before:.3f} to {after:.3f}.",
        "Les probabilités sont calibrées par une température de {temperature:.2f}, ajustée sur {n:,d} photos de "
        "validation. L’erreur de calibration attendue sur les photos de test passe de {before:.3f} à {after:.3f}.",
    ),
    "card.uncalibrated": Phrase(
        "The probabilities were not calibrated: read them as an order, not as chances.",
        "Les probabilités n’ont pas été calibrées : à lire comme un ordre, non comme des chances.",
    ),
    "card.coverage_head": Phrase(
        "| keep answers from | share of photos | accuracy among them |",
        "| réponses gardées dès | part des photos | exactitude parmi elles |",
    ),
    "card.per_class": Phrase("Class by class", "Catégorie par catégorie"),
    "card.per_class_head": Phrase(
        "| class | precision | recall | F1 | test photos |", "| catégorie | précision | rappel | F1 | photos de test |"
    ),
    "card.limits": Phrase("Limits", "Limites"),
    "card.limit.random": Phrase(
        "**It started from random weights.** It says nothing about what this backbone can do with pretrained ones.",
        "**Il est parti de poids aléatoires.** Cela ne dit rien de ce que ce réseau vaut avec des poids préentraînés.",
    ),
    "card.limit.non_commercial": Phrase(
        "**Commercial use is forbidden** by its licence.", "**L’usage commercial est interdit** par sa licence."
    ),
    "card.limit.licence_unknown": Phrase(
        "**Commercial use is not proven**: read the licences below before you sell anything with it.",
        "**L’usage commercial n’est pas établi** : lisez les licences ci-dessous avant d’en tirer un revenu.",
    ),
    "card.limit.small_test": Phrase(
        "The test set is small ({n:,d} photos): the accuracy is known to ± {points:.0f} points only.",
        "Le jeu de test est petit ({n:,d} photos) : l’exactitude n’est connue qu’à ± {points:.0f} points.",
    ),
    "card.limit.overfits": Phrase(
        "It overfits: {gap:.1f} points more accurate on the training photos than on the test photos.",
        "Il surapprend : {gap:.1f} points d’exactitude de plus sur les photos d’entraînement que sur celles de test.",
    ),
    "card.limit.never": Phrase(
        "It never answers {labels} on the test photos.", "Il ne répond jamais {labels} sur les photos de test."
    ),
    "card.limit.not_learned": Phrase(
        "It did not learn more than the largest class.",
        "Il n’a rien appris de plus que la catégorie la plus fréquente.",
    ),
    "card.limit.closed": Phrase(
        "It knows these classes and no others: a photo of something else gets one of them all the same.",
        "Il connaît ces catégories et aucune autre : la photo d’autre chose en reçoit une quand même.",
    ),
    "card.licence": Phrase("Licence", "Licence"),
    "card.licence_code": Phrase("Code of the network: {licence}.", "Code du réseau : {licence}."),
    "card.licence_weights": Phrase("Starting weights: {licence}.", "Poids de départ : {licence}."),
    "card.licence_data": Phrase("Training photos: {licence}.", "Photos d’entraînement : {licence}."),
    "card.commercial.yes": Phrase(
        "Code and weights may be used commercially.", "Le code et les poids peuvent servir à un usage commercial."
    ),
    "card.commercial.no": Phrase(
        "Code or weights may **not** be used commercially.",
        "Le code ou les poids ne peuvent **pas** servir à un usage commercial.",
    ),
    "card.commercial.unknown": Phrase(
        "Nobody has said whether they may be used commercially.",
        "Rien n’indique s’ils peuvent servir à un usage commercial.",
    ),
    "card.unknown": Phrase("unknown", "inconnue"),
    "card.speed": Phrase("Speed", "Vitesse"),
    "card.throughput": Phrase(
        "{images_per_s:.1f} photos per second (batches of {batch_size}), {latency:.1f} ms for one photo (median), on "
        "{device}, {threads} threads; {size:.1f} MiB of parameters.",
        "{images_per_s:.1f} photos par seconde (lots de {batch_size}), {latency:.1f} ms pour une photo (médiane), sur "
        "{device}, {threads} fils d’exécution ; {size:.1f} Mio de paramètres.",
    ),
    "card.use": Phrase("Use it", "L’utiliser"),
    "card.provenance": Phrase("Provenance", "Provenance"),
    "card.trained_by": Phrase(
        "Training key `{key}`, commit `{commit}`, data digest `{digest}`, versions: {versions}.",
        "Clé d’entraînement `{key}`, commit `{commit}`, empreinte des données `{digest}`, versions : {versions}.",
    ),
}
