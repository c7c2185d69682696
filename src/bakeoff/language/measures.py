"""Names of the measures, their units, and the limits and rules made of them."""

from __future__ import annotations

from bakeoff.language.phrases import Phrase

MEASURES: dict[str, Phrase] = {
    "measure.accuracy": Phrase("accuracy", "exactitude"),
    "measure.balanced_accuracy": Phrase("balanced accuracy", "exactitude équilibrée"),
    "measure.macro_f1": Phrase("macro F1", "F1 macro"),
    "measure.weighted_f1": Phrase("weighted F1", "F1 pondérée"),
    "measure.matthews": Phrase("Matthews correlation", "corrélation de Matthews"),
    "measure.roc_auc": Phrase("ROC-AUC", "ROC-AUC"),
    "measure.log_loss": Phrase("log loss", "perte logarithmique"),
    "measure.ece": Phrase("calibration error (ECE)", "erreur de calibration (ECE)"),
    "measure.latency_ms": Phrase("latency", "latence"),
    "measure.latency_p99_ms": Phrase("99th-percentile latency", "latence au 99e centile"),
    "measure.ms_per_image": Phrase("time per photo in batches", "temps par photo en lots"),
    "measure.images_per_s": Phrase("throughput", "débit"),
    "measure.images_per_cpu_s": Phrase("throughput per CPU second", "débit par seconde de processeur"),
    "measure.end_to_end_images_per_s": Phrase("end-to-end throughput", "débit de bout en bout"),
    "measure.size_mib": Phrase("size", "taille"),
    "measure.file_mib": Phrase("file size", "taille du fichier"),
    "measure.predict_memory_mib": Phrase("memory while predicting", "mémoire utilisée pour prédire"),
    "measure.n_parameters": Phrase("parameters", "nombre de paramètres"),
    "measure.gmacs": Phrase("multiply-adds per photo", "multiplications-additions par photo"),
    "measure.train_time_s": Phrase("training time", "temps d’apprentissage"),
    "measure.matrix_total": Phrase("total of the decision matrix", "total de la matrice de décision"),
    "unit.latency_ms": Phrase("ms", "ms"),
    "unit.latency_p99_ms": Phrase("ms", "ms"),
    "unit.ms_per_image": Phrase("ms", "ms"),
    "unit.images_per_s": Phrase("images/s", "images/s"),
    "unit.images_per_cpu_s": Phrase("images per CPU second", "images par seconde de processeur"),
    "unit.end_to_end_images_per_s": Phrase("images/s", "images/s"),
    "unit.size_mib": Phrase("MiB", "Mio"),
    "unit.file_mib": Phrase("MiB", "Mio"),
    "unit.predict_memory_mib": Phrase("MiB", "Mio"),
    "unit.gmacs": Phrase("billion", "milliards"),
    "unit.train_time_s": Phrase("s", "s"),
}

LIMITS: dict[str, Phrase] = {
    "limits.none": Phrase("no limits", "sans limite"),
    "limit.latency_p50_ms": Phrase("latency ≤ {bound} ms", "latence ≤ {bound} ms"),
    "limit.latency_p99_ms": Phrase("99th-percentile latency ≤ {bound} ms", "latence au 99e centile ≤ {bound} ms"),
    "limit.images_per_s": Phrase("throughput ≥ {bound} images/s", "débit ≥ {bound} images/s"),
    "limit.size_mib": Phrase("size ≤ {bound} MiB", "taille ≤ {bound} Mio"),
    "limit.peak_memory_mib": Phrase("memory ≤ {bound} MiB", "mémoire ≤ {bound} Mio"),
    "limit.train_time_s": Phrase("training ≤ {bound} s", "apprentissage ≤ {bound} s"),
    "limit.licence": Phrase("commercial use allowed", "usage commercial permis"),
    "rule.free": Phrase("maximise {measure}, without limits", "maximiser le critère « {measure} », sans limite"),
    "rule.limited": Phrase("maximise {measure} with {limits}", "maximiser le critère « {measure} », avec {limits}"),
    "rule.tie_latency": Phrase(
        "{rule}; of those within one test product of the best, the fastest",
        "{rule} ; parmi les candidats à un produit de test au plus du meilleur, le plus rapide",
    ),
    "rule.tie_share": Phrase(
        "{rule}; of those within 1/n of the best (n test products), the fastest",
        "{rule} ; parmi les candidats à 1/n au plus du meilleur (n produits de test), le plus rapide",
    ),
    "rule.tie_accuracy": Phrase(
        "{rule}; of those within 10 % of the fastest, the most accurate",
        "{rule} ; parmi les candidats à 10 % au plus du plus rapide, le plus exact",
    ),
    "rule.tie_none": Phrase("{rule}; of equals, the fastest", "{rule} ; à égalité, le plus rapide"),
}
