"""What `bakeoff monitor` says: verdict, table and figure."""

from __future__ import annotations

from bakeoff.language.phrases import Phrase

PHRASES: dict[str, Phrase] = {
    "name.brightness": Phrase("brightness", "luminosité"),
    "name.contrast": Phrase("contrast", "contraste"),
    "name.saturation": Phrase("saturation", "saturation"),
    "name.sharpness": Phrase("sharpness", "netteté"),
    "name.aspect_ratio": Phrase("aspect ratio", "rapport largeur/hauteur"),
    "name.megapixels": Phrase("megapixels", "mégapixels"),
    "name.features": Phrase("the network’s features", "descripteurs du réseau"),
    "name.class_shares": Phrase("shares of the predicted classes", "parts des classes prédites"),
    "name.confidence": Phrase("confidence", "confiance"),
    "name.accuracy": Phrase("accuracy", "exactitude"),
    "name.calibration": Phrase("calibration", "calibration"),
    "drop": Phrase(
        "On {n:,d} labelled new products {candidate} is right for {accuracy} (95 % interval {low} to {high}); at "
        "deployment it was {before} of {n_before:,d} test products. This drop of {points:.1f} points is more than "
        "chance ({p}, corrected for {n_tests} tests).",
        "Sur {n:,d} nouveaux produits étiquetés, {candidate} donne la bonne réponse pour {accuracy} d’entre eux "
        "(intervalle à 95 % : de {low} à {high}) ; au moment du déploiement, c’était {before} des {n_before:,d} "
        "produits "
        "de test. Cette baisse de {points:.1f} points dépasse ce que le hasard explique ({p}, corrigé pour {n_tests} "
        "tests).",
    ),
    "rise": Phrase(
        "On {n:,d} labelled new products {candidate} is right for {accuracy} (95 % interval {low} to {high}); at "
        "deployment it was {before} of {n_before:,d} test products. It is better by {points:.1f} points, which is more "
        "than chance ({p}, corrected for {n_tests} tests): the new products are easier than the study’s, or the "
        "network has "
        "learnt from some of them.",
        "Sur {n:,d} nouveaux produits étiquetés, {candidate} donne la bonne réponse pour {accuracy} d’entre eux "
        "(intervalle à 95 % : de {low} à {high}) ; au moment du déploiement, c’était {before} des {n_before:,d} "
        "produits "
        "de test. Ce gain de {points:.1f} points dépasse ce que le hasard explique ({p}, corrigé pour {n_tests} "
        "tests) : "
        "les nouveaux produits sont plus faciles que ceux de l’étude, ou certains ont servi à l’entraînement.",
    ),
    "same": Phrase(
        "On {n:,d} labelled new products {candidate} is right for {accuracy} (95 % interval {low} to {high}); at "
        "deployment it was {before} of {n_before:,d} test products. The difference of {points:+.1f} points is no more "
        "than chance can give ({p}, corrected for {n_tests} tests); with this many products a drop of less than about "
        "{detectable:.0f} points would often go unnoticed.",
        "Sur {n:,d} nouveaux produits étiquetés, {candidate} donne la bonne réponse pour {accuracy} d’entre eux "
        "(intervalle à 95 % : de {low} à {high}) ; au moment du déploiement, c’était {before} des {n_before:,d} "
        "produits "
        "de test. L’écart de {points:+.1f} points n’est pas plus que ce que le hasard peut donner ({p}, corrigé pour "
        "{n_tests} tests) ; avec ce nombre de produits, une baisse de moins d’environ {detectable:.0f} points "
        "passerait "
        "souvent inaperçue.",
    ),
    "drift": Phrase(
        "The new products differ from the study’s, more than chance explains, in: {names}.",
        "Les nouveaux produits diffèrent de ceux de l’étude, plus que le hasard ne l’explique, par : {names}.",
    ),
    "no_drift": Phrase(
        "In none of the {n_tests} respects tested do the {n:,d} new products differ from the study’s more than chance "
        "can give.",
        "Sur aucun des {n_tests} points testés, les {n:,d} nouveaux produits ne diffèrent de ceux de l’étude plus que "
        "le hasard ne peut le donner.",
    ),
    "estimate": Phrase(
        "Without labels the accuracy can only be estimated: {confidence} by the mean confidence, {threshold} by a "
        "threshold on it (at deployment it was {before} of {n_before:,d} test products).",
        "Sans étiquettes, l’exactitude ne peut qu’être estimée : {confidence} d’après la confiance moyenne, "
        "{threshold} "
        "d’après un seuil sur celle-ci (au moment du déploiement : {before} des {n_before:,d} produits de test).",
    ),
    "advice.drop": Phrase(
        "Look at the classes that lost most, and train again with new products among the study’s.",
        "Regardez les classes qui ont le plus perdu, puis relancez l’entraînement avec de nouveaux produits.",
    ),
    "advice.drift": Phrase(
        "Label a random sample of the new products and run `bakeoff monitor` on it: only that tells whether accuracy "
        "suffers.",
        "Étiquetez un échantillon aléatoire des nouveaux produits et relancez `bakeoff monitor` dessus : cela seul "
        "dira "
        "si l’exactitude en souffre.",
    ),
    "refused.one": Phrase(
        "{n} photo could not be read and was left out.", "{n} photo n’a pas pu être lue et a été écartée."
    ),
    "refused.other": Phrase(
        "{n:,d} photos could not be read and were left out.",
        "{n:,d} photos n’ont pas pu être lues et ont été écartées.",
    ),
    "alarm": Phrase("ALARM", "ALERTE"),
    "change": Phrase("CHANGED", "CHANGEMENT"),
    "calm": Phrase("NO ALARM", "PAS D’ALERTE"),
    "p.below": Phrase("p < {limit:.3f}", "p < {limit:.3f}"),
    "p.is": Phrase("p = {p:.3f}", "p = {p:.3f}"),
    "column.what": Phrase("what", "quoi"),
    "column.reference": Phrase("study", "étude"),
    "column.new": Phrase("new", "nouveaux"),
    "column.n": Phrase("n", "n"),
    "column.statistic": Phrase("statistic", "stat."),
    "column.p_holm": Phrase("p (Holm)", "p (Holm)"),
    "column.differs": Phrase("differs", "diffère"),
    "yes": Phrase("yes", "oui"),
    "no": Phrase("no", "non"),
    "test.kolmogorov_smirnov": Phrase("D", "D"),
    "test.mmd_permutation": Phrase("MMD²", "MMD²"),
    "test.chi_square_permutation": Phrase("χ²", "χ²"),
    "test.fisher_exact": Phrase("Δ", "Δ"),
    "test.calibration_permutation": Phrase("Δ", "Δ"),
    "figure.title": Phrase("{candidate}: new products “{name}”", "{candidate} : nouveaux produits « {name} »"),
    "figure.reference": Phrase("study ({n:,d})", "étude ({n:,d})"),
    "figure.new": Phrase("new ({n:,d})", "nouveaux ({n:,d})"),
    "figure.share": Phrase("share", "part"),
    "figure.recall": Phrase("recall per class", "rappel par classe"),
    "figure.accuracy": Phrase("accuracy, 95 % intervals", "exactitude, intervalles à 95 %"),
    "figure.measured_before": Phrase("test at deployment", "test au déploiement"),
    "figure.measured_now": Phrase("new, measured", "nouveaux, mesurée"),
    "figure.by_confidence": Phrase("new, estimate: confidence", "nouveaux, estimée : confiance"),
    "figure.by_threshold": Phrase("new, estimate: threshold", "nouveaux, estimée : seuil"),
    "figure.largest": Phrase("the {n} most frequent classes", "les {n} classes les plus fréquentes"),
}
