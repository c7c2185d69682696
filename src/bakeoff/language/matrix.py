"""What the weighted decision matrix and the published references say."""

from __future__ import annotations

from bakeoff.language.phrases import Phrase

PHRASES: dict[str, Phrase] = {
    "criterion.accuracy": Phrase("accuracy", "exactitude"),
    "criterion.cpu_time": Phrase("CPU time", "temps de calcul"),
    "criterion.memory": Phrase("memory", "mémoire"),
    "criterion.feature_size": Phrase("feature size", "taille des descripteurs"),
    "criterion.support": Phrase("support and documentation", "support et documentation"),
    "measure.accuracy": Phrase(
        "test accuracy: 0 at chance (1 / number of classes), 10 at 100 %, linear",
        "exactitude sur le jeu de test : 0 au niveau du hasard (1 / nombre de classes), 10 à 100 %, linéaire",
    ),
    "measure.cpu_time": Phrase(
        "CPU time per image at the best batch: 10 up to {best:g} ms, 0 from {worst:g} ms, logarithmic",
        "temps processeur par image au meilleur lot : 10 jusqu’à {best:g} ms, 0 à partir de {worst:g} ms, "
        "échelle logarithmique",
    ),
    "measure.memory": Phrase(
        "parameters and buffers as float32: 10 up to {best:g} MiB, 0 from {worst:g} MiB, logarithmic",
        "paramètres et tampons en float32 : 10 jusqu’à {best:g} Mio, 0 à partir de {worst:g} Mio, "
        "échelle logarithmique",
    ),
    "measure.feature_size": Phrase(
        "length of the pooled feature vector: 10 up to {best:g}, 0 from {worst:g}, logarithmic",
        "longueur du vecteur de descripteurs : 10 jusqu’à {best:g}, 0 à partir de {worst:g}, échelle logarithmique",
    ),
    "measure.support": Phrase(
        "a judgement from 0 to 10, set in conf/config.yaml (compare.matrix.support)",
        "un jugement de 0 à 10, fixé dans conf/config.yaml (compare.matrix.support)",
    ),
    "note.scale": Phrase(
        "The scales are fixed: adding or removing a candidate changes no other score. The total is the weighted mean.",
        "Les échelles sont fixes : ajouter ou retirer un candidat ne change aucune autre note. "
        "Le total est la moyenne pondérée.",
    ),
    "note.support": Phrase(
        "Nobody has judged the support of {names}: {neutral:g} of 10 is assumed.",
        "Le support de {names} n’a pas été évalué : une note de {neutral:g} sur 10 est supposée.",
    ),
    "note.missing": Phrase(
        "No total for {names}: a measure is missing.",
        "Pas de total pour {names} : il manque une mesure.",
    ),
    "reference.rakuten_text": Phrase(
        "Official baseline of the Rakuten challenge, text (RNN)",
        "Modèle de référence officiel du défi Rakuten, texte (RNN)",
    ),
    "reference.rakuten_image": Phrase(
        "Official baseline of the Rakuten challenge, images (ResNet)",
        "Modèle de référence officiel du défi Rakuten, images (ResNet)",
    ),
    "reference.rakuten_split": Phrase("the challenge's test set", "jeu de test du défi"),
    "reference.imagenet_split": Phrase("ImageNet-1k validation", "validation d’ImageNet-1k"),
}
