"""What the choice says: reasons, refusals, scenarios and the notes beside the numbers; `PHRASES` adds the rest."""

from __future__ import annotations

from bakeoff.language.certainty import COMPARISONS
from bakeoff.language.measures import LIMITS, MEASURES
from bakeoff.language.phrases import Phrase

REFUSALS: dict[str, Phrase] = {
    "refusal.random_weights": Phrase("it started from random weights", "il est parti de poids aléatoires"),
    "refusal.not_learned": Phrase("it did not learn", "il n’a pas appris"),
    "refusal.above": Phrase(
        "its {measure} of {value} is above compare.subject_to.{limit} = {bound}",
        "sa valeur de {value} ({measure}) dépasse compare.subject_to.{limit} = {bound}",
    ),
    "refusal.below": Phrase(
        "its {measure} of {value} is below compare.subject_to.{limit} = {bound}",
        "sa valeur de {value} ({measure}) est inférieure à compare.subject_to.{limit} = {bound}",
    ),
    "refusal.other_device": Phrase(
        "its times come from another device ({device}) and cannot be compared",
        "ses temps viennent d’un autre appareil ({device}) et ne se comparent pas",
    ),
    "refusal.unknown": Phrase("its {measure} is not known", "sa valeur n’est pas connue ({measure})"),
    "refusal.licence_forbids": Phrase(
        "its licence forbids commercial use ({licence})", "sa licence interdit l’usage commercial ({licence})"
    ),
    "refusal.licence_unproven": Phrase(
        "commercial use is not proven ({licence}): check the licence on the model card",
        "l’usage commercial n’est pas établi ({licence}) : vérifiez la licence sur la fiche du modèle",
    ),
    "refused.random_weights": Phrase("random start", "poids aléatoires"),
    "refused.not_learned": Phrase("did not learn", "n’a pas appris"),
    "refused.latency_p50_ms": Phrase("too slow", "trop lent"),
    "refused.latency_p99_ms": Phrase("too slow at the 99th percentile", "trop lent au 99e centile"),
    "refused.images_per_s": Phrase("too low a throughput", "débit trop faible"),
    "refused.size_mib": Phrase("too large", "trop gros"),
    "refused.peak_memory_mib": Phrase("too much memory", "trop de mémoire"),
    "refused.train_time_s": Phrase("too long to train", "apprentissage trop long"),
    "refused.licence": Phrase("commercial use not proven", "usage commercial non établi"),
    "refused.other_device": Phrase("timed on another device", "chronométré sur un autre appareil"),
    "refused.unknown": Phrase("a measure is not known", "mesure inconnue"),
}

REASONS: dict[str, Phrase] = {
    "opening": Phrase(
        "This is no comparison of backbones, only of what could be had here: {n} of {total} candidates started from "
        "random weights ({models}).",
        "Ce n’est pas une comparaison de modèles, seulement de ce qui était disponible ici : {n} candidats sur {total} "
        "sont partis de poids aléatoires ({models}).",
    ),
    "opening.apart": Phrase(
        "This is no comparison of backbones, only of what could be had here: {n} of {total} candidates started from "
        "random weights ({models}); they are listed and not chosen.",
        "Ce n’est pas une comparaison de modèles, seulement de ce qui était disponible ici : {n} candidats sur {total} "
        "sont partis de poids aléatoires ({models}) ; ils sont affichés mais jamais retenus.",
    ),
    "opening.some": Phrase(
        "{n} of {total} candidates started from random weights ({models}): their results say nothing of these "
        "backbones.",
        "{n} candidats sur {total} sont partis de poids aléatoires ({models}) : leurs résultats ne disent rien de ces "
        "modèles.",
    ),
    "opening.some.apart": Phrase(
        "{n} of {total} candidates started from random weights ({models}): their results say nothing of these "
        "backbones; they are listed and not chosen.",
        "{n} candidats sur {total} sont partis de poids aléatoires ({models}) : leurs résultats ne disent rien de ces "
        "modèles ; ils sont affichés mais jamais retenus.",
    ),
    "best": Phrase("Best: {answer}", "Meilleur choix : {answer}"),
    "answer": Phrase("{candidate}, {facts}: {why}.", "{candidate}, {facts} : {why}."),
    "facts.accuracy": Phrase(
        "test accuracy {accuracy:.3f} (95 % interval {low:.3f} to {high:.3f})",
        "exactitude de test {accuracy:.3f} (intervalle à 95 % : de {low:.3f} à {high:.3f})",
    ),
    "facts.maximised": Phrase("{measure} {value}", "{measure} {value}"),
    "facts.latency": Phrase("{latency:.1f} ms per photo", "{latency:.1f} ms par photo"),
    "why.only": Phrase("the only eligible candidate", "le seul candidat admissible"),
    "why.top": Phrase(
        "the highest {measure} of {n} eligible candidates",
        "le meilleur des {n} candidats admissibles ({measure})",
    ),
    "why.accurate": Phrase(
        "the most accurate of {n} eligible candidates", "le plus exact des {n} candidats admissibles"
    ),
    "why.within_product": Phrase(
        "within one test product of {top} ({value}) and faster, of {n} eligible candidates",
        "à un produit de test au plus de {top} ({value}) et plus rapide, parmi {n} candidats admissibles",
    ),
    "why.within_share": Phrase(
        "within 1/{n_test:,d} of {top} ({value}) and faster, of {n} eligible candidates",
        "à 1/{n_test:,d} au plus de {top} ({value}) et plus rapide, parmi {n} candidats admissibles",
    ),
    "why.within_speed": Phrase(
        "within 10 % of the throughput of {top} ({value}) and more accurate, of {n} eligible candidates",
        "à 10 % au plus du débit de {top} ({value}) et plus exact, parmi {n} candidats admissibles",
    ),
    "why.scope": Phrase("{why} ({limits})", "{why} ({limits})"),
    "why.commercial": Phrase(
        "{why}, among those that may be used commercially", "{why}, parmi ceux qui permettent l’usage commercial"
    ),
    "runner_up": Phrase("Runner-up: {sentence}.", "Deuxième : {sentence}."),
    "nothing.no_result": Phrase(
        "No candidate has a result, so there is nothing to choose from.",
        "Aucun candidat n’a de résultat : il n’y a rien à choisir.",
    ),
    "nothing": Phrase(
        "No candidate is eligible, so none is chosen ({limits}): {whys}. {advice}",
        "Aucun candidat n’est admissible, donc aucun n’est retenu ({limits}) : {whys}. {advice}",
    ),
    "nothing.count": Phrase("{n} × {kind}", "{n} × {kind}"),
    "advice.weights": Phrase(
        "Get pretrained weights (`bakeoff weights --retry`), or set compare.allow_random_weights: true.",
        "Procurez-vous des poids préentraînés (`bakeoff weights --retry`), ou réglez compare.allow_random_weights: "
        "true.",
    ),
    "advice.learn": Phrase(
        "Train longer, or set compare.allow_not_learned: true.",
        "Allongez l’apprentissage, ou réglez compare.allow_not_learned: true.",
    ),
    "advice.limits": Phrase(
        "Relax the limits in compare.subject_to of conf/config.yaml.",
        "Assouplissez les limites compare.subject_to dans conf/config.yaml.",
    ),
    "advice.rule": Phrase(
        "Choose another compare.maximise in conf/config.yaml, or measure what is missing.",
        "Choisissez un autre compare.maximise dans conf/config.yaml, ou mesurez ce qui manque.",
    ),
    "commercial.best": Phrase(
        "{candidate} may also be used commercially ({licence}).",
        "{candidate} permet aussi l’usage commercial ({licence}).",
    ),
    "commercial.other": Phrase(
        "Best for commercial use: {answer} {price}", "Meilleur choix commercial : {answer} {price}"
    ),
    "commercial.why": Phrase("{candidate}: {why}", "{candidate} : {why}"),
    "semicolon": Phrase("; ", " ; "),
    "commercial.none": Phrase(
        "No eligible candidate is proven to be usable commercially ({whys}).",
        "Pour aucun candidat admissible l’usage commercial n’est établi ({whys}).",
    ),
    "commercial.price": Phrase(
        "It gives up {points:.1f} points of accuracy.", "Il coûte {points:.1f} points d’exactitude."
    ),
    "commercial.free": Phrase("It gives up no accuracy.", "Il ne perd rien en exactitude."),
}

SCENARIOS: dict[str, Phrase] = {
    "scenario.phone": Phrase("On a phone", "Sur un téléphone"),
    "scenario.checkout_camera": Phrase("For a camera at the checkout", "Pour une caméra en caisse"),
    "scenario.night_batch": Phrase("For the whole catalogue overnight", "Pour tout le catalogue en une nuit"),
    "scenario.small_server": Phrase("On a small server", "Sur un petit serveur"),
    "scenario.daily_retraining": Phrase("Trained again every day", "Réentraîné chaque jour"),
    "scenario.other": Phrase("For {name}", "Pour {name}"),
    "scenario.same": Phrase(
        "{scenario} ({limits}): {candidate} as well, {accuracy}.",
        "{scenario} ({limits}) : {candidate} aussi, {accuracy}.",
    ),
    "scenario.lost": Phrase(
        "{scenario} ({limits}): {candidate}, {accuracy}, {points:.1f} points less than {best}.",
        "{scenario} ({limits}) : {candidate}, {accuracy}, soit {points:.1f} points de moins que {best}.",
    ),
    "scenario.no_loss": Phrase(
        "{scenario} ({limits}): {candidate}, {accuracy}, no less than {best}.",
        "{scenario} ({limits}) : {candidate}, {accuracy}, sans rien perdre face à {best}.",
    ),
    "scenario.chosen": Phrase(
        "{scenario} ({limits}): {candidate}, {accuracy}.", "{scenario} ({limits}) : {candidate}, {accuracy}."
    ),
    "scenario.none": Phrase(
        "{scenario} ({limits}): none of {n} candidates: {whys}.",
        "{scenario} ({limits}) : aucun des {n} candidats : {whys}.",
    ),
    "accuracy": Phrase("accuracy {accuracy:.3f}", "exactitude {accuracy:.3f}"),
}

NOTES: dict[str, Phrase] = {
    "baseline.apart": Phrase(
        "{baseline} is listed apart itself ({reason}): a lead over it says little.",
        "{baseline} est elle-même à part ({reason}) : la dépasser ne prouve pas grand-chose.",
    ),
    "times.elsewhere": Phrase(
        "Times are compared on {device} only; those of {names} come from another device and are listed, not compared.",
        "Les temps ne sont comparés que sur {device} ; ceux de {names} viennent d’un autre appareil : ils sont "
        "affichés, pas comparés.",
    ),
    "times.threads": Phrase(
        "Times were measured with different numbers of threads ({threads}): compare with care.",
        "Les temps ont été mesurés avec des nombres de threads différents ({threads}) : à comparer avec prudence.",
    ),
    "times.noisy.one": Phrase(
        "The machine was restless while {names} was timed (its speed changed, or two timings disagreed): compare "
        "with care, or run "
        "`bakeoff throughput`.",
        "La machine n’était pas stable pendant la mesure de {names} (vitesse changeante, ou deux mesures en "
        "désaccord) : à comparer avec prudence, ou "
        "lancez `bakeoff throughput`.",
    ),
    "times.noisy.other": Phrase(
        "The machine was restless while {names} were timed (its speed changed, or two timings disagreed): compare "
        "with care, or run "
        "`bakeoff throughput`.",
        "La machine n’était pas stable pendant la mesure de {names} (vitesse changeante, ou deux mesures en "
        "désaccord) : à comparer avec prudence, ou "
        "lancez `bakeoff throughput`.",
    ),
    "failures.one": Phrase(
        "One figure or page could not be made; no number is lost: {names}. `bakeoff doctor` says where the traceback "
        "is.",
        "Une figure ou une page n’a pas pu être produite ; aucun chiffre n’est perdu : {names}. `bakeoff doctor` "
        "indique où se trouve la trace d’appels.",
    ),
    "failures.other": Phrase(
        "{n} figures or pages could not be made; no number is lost: {names}. `bakeoff doctor` says where the "
        "tracebacks are.",
        "{n} figures ou pages n’ont pas pu être produites ; aucun chiffre n’est perdu : {names}. `bakeoff doctor` "
        "indique où se trouvent les traces d’appels.",
    ),
    "failures.mirror": Phrase(
        "MLflow or TensorBoard lacked results of {names} when this was written: `bakeoff sync` logs them.",
        "MLflow ou TensorBoard n’avaient pas tous les résultats de {names} lors de la rédaction : `bakeoff sync` les "
        "y ajoute.",
    ),
    "stand_in.failed": Phrase("{name} could not be made: {error}", "{name} n’a pas pu être produit : {error}"),
    "stand_in.numbers": Phrase(
        "Every number is in leaderboard.csv and choice.json.",
        "Tous les chiffres se trouvent dans leaderboard.csv et choice.json.",
    ),
    "session.used": Phrase(
        "Times come from one session in which the candidates took turns ({path}).",
        "Les temps viennent d’une seule session où les candidats ont été mesurés à tour de rôle ({path}).",
    ),
    "session.lacking.one": Phrase(
        "That session lacks {names}, whose times were measured alone; `bakeoff throughput` measures all together.",
        "{names} manque à cette session et a été mesuré seul ; `bakeoff throughput` les mesure tous ensemble.",
    ),
    "session.lacking.other": Phrase(
        "That session lacks {names}, whose times were measured alone; `bakeoff throughput` measures all together.",
        "{names} manquent à cette session et ont été mesurés seuls ; `bakeoff throughput` les mesure tous ensemble.",
    ),
    "session.elsewhere": Phrase(
        "{path} is from another device ({device}) and lacks {names}, so the study's own times are used; `bakeoff "
        "throughput` measures all together.",
        "{path} vient d’un autre appareil ({device}) et ne contient pas {names} : ce sont les temps de l’étude qui "
        "servent ; `bakeoff throughput` mesure tout ensemble.",
    ),
    "session.none": Phrase(
        "{path} holds none of these candidates as they are now, so the study's own times are used; run `bakeoff "
        "throughput` again.",
        "{path} ne contient aucun de ces candidats dans leur état actuel : ce sont les temps de l’étude qui servent ; "
        "relancez `bakeoff throughput`.",
    ),
}

PHRASES: dict[str, Phrase] = MEASURES | LIMITS | REFUSALS | REASONS | COMPARISONS | SCENARIOS | NOTES
