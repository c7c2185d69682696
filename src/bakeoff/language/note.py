"""What the methodology note says."""

from __future__ import annotations

from bakeoff.language.phrases import Phrase

PHRASES: dict[str, Phrase] = {
    "note.title": Phrase(
        "Which image backbone for {dataset}? Methodology note",
        "Quel modèle d’images pour {dataset} ? Note méthodologique",
    ),
    "note.origin": Phrase(
        "Written by `bakeoff note` from params.yaml, data/, runs/ and reports/. Training commit: {commit}. Profile "
        "{profile}.",
        "Écrite par `bakeoff note` d’après params.yaml, data/, runs/ et reports/. Commit d’entraînement : {commit}. "
        "Profil {profile}.",
    ),
    "note.semicolon": Phrase("; ", " ; "),
    "note.unknown": Phrase("not recorded", "non consigné"),
    "note.section.question": Phrase("1. Question", "1. Question"),
    "note.section.data": Phrase("2. Data", "2. Données"),
    "note.section.candidates": Phrase("3. Candidates", "3. Candidats"),
    "note.section.protocol": Phrase("4. Protocol", "4. Protocole"),
    "note.section.results": Phrase("5. Results on the test split", "5. Résultats sur le jeu de test"),
    "note.section.choice": Phrase("6. Choice, and how sure it is", "6. Choix, et degré de certitude"),
    "note.section.limits": Phrase("7. Limits", "7. Limites"),
    "note.section.reproduce": Phrase("8. How to reproduce", "8. Reproduire"),
    "note.question": Phrase(
        "Which image backbone should sort the products of {dataset} into their {n_classes} classes, and what does the "
        "choice give up? {n_candidates} candidates, the current model baseline_tf among them, are judged on the same "
        "{n_test:,d} test products. Rule of the choice: {rule}.",
        "Quel modèle d’images doit ranger les produits de {dataset} dans leurs {n_classes} classes, et à quoi "
        "renonce-t-on "
        "en le choisissant ? {n_candidates} candidats, dont le modèle en place baseline_tf, sont jugés sur les mêmes "
        "{n_test:,d} produits de test. Règle du choix : {rule}.",
    ),
    "note.data.source": Phrase(
        "Source: {name}, licence {licence}, {url}.", "Source : {name}, licence {licence}, {url}."
    ),
    "note.data.audit": Phrase(
        "Audit: {n_read:,d} products read, {n_accepted:,d} kept, {n_rejected:,d} set aside, each with its "
        "reason{reasons}.",
        "Audit : {n_read:,d} produits lus, {n_accepted:,d} retenus, {n_rejected:,d} écartés, chacun avec son "
        "motif{reasons}.",
    ),
    "note.data.no_audit": Phrase(
        "The catalogue's audit (data/audit/audit.json) is missing: counts of what was read and set aside are not "
        "known.",
        "L’audit du catalogue (data/audit/audit.json) manque : on ne sait pas combien de produits ont été lus et "
        "écartés.",
    ),
    "note.data.classes": Phrase(
        "The largest class, {largest}, has {n_largest:,d} photos, the smallest, {smallest}, {n_smallest:,d}: "
        "{ratio:.1f} times fewer.",
        "La plus grande classe, {largest}, compte {n_largest:,d} photos, la plus petite, {smallest}, {n_smallest:,d} : "
        "{ratio:.1f} fois moins.",
    ),
    "note.data.splits": Phrase(
        "Stratified split, seed {seed}: {train:,d} products to learn from, {validation:,d} to validate, {test:,d} to "
        "test; "
        "every class is in each split.",
        "Découpage stratifié, graine {seed} : {train:,d} produits pour apprendre, {validation:,d} pour valider, "
        "{test:,d} pour tester ; chaque classe est présente partout.",
    ),
    "note.data.leak.drop": Phrase(
        "Leakage: of equal and nearly equal photos (perceptual hashes within {distance} of 64 bits) one is kept and "
        "the "
        "others are dropped.",
        "Fuites : des photos identiques ou presque (empreintes perceptuelles à {distance} bits sur 64 au plus), une "
        "seule "
        "est gardée.",
    ),
    "note.data.leak.group": Phrase(
        "Leakage: equal and nearly equal photos (perceptual hashes within {distance} of 64 bits) form groups, and no "
        "group "
        "lies in two splits.",
        "Fuites : les photos identiques ou presque (empreintes perceptuelles à {distance} bits sur 64 au plus) "
        "forment des "
        "groupes, et aucun groupe n’est partagé entre deux jeux.",
    ),
    "note.data.leak.keep": Phrase(
        "Leakage: nearly equal photos were left where they fell (duplicates: keep), so accuracies may be too high.",
        "Fuites : les photos presque identiques sont restées où elles étaient (duplicates: keep), "
        "les exactitudes peuvent donc être surestimées.",
    ),
    "note.column.model": Phrase("model", "modèle"),
    "note.column.architecture": Phrase("architecture", "architecture"),
    "note.column.parameters": Phrase("parameters", "paramètres"),
    "note.column.weights": Phrase("pretrained weights", "poids préentraînés"),
    "note.column.licence": Phrase("licence: code; weights", "licence : code ; poids"),
    "note.column.commercial": Phrase("commercial use", "usage commercial"),
    "note.column.candidate": Phrase("candidate", "candidat"),
    "note.column.accuracy": Phrase("accuracy, 95\u00a0% CI", "exactitude, IC à 95\u00a0%"),
    "note.column.macro_f1": Phrase("macro F1, 95\u00a0% CI", "F1 macro, IC à 95\u00a0%"),
    "note.column.ece": Phrase("ECE after T", "ECE après T"),
    "note.column.latency": Phrase("ms/photo", "ms/photo"),
    "note.column.rate": Phrase("images/s", "images/s"),
    "note.column.size": Phrase("MiB", "Mio"),
    "note.column.baseline": Phrase(
        "points against baseline_tf, 95\u00a0% CI (p)", "points face à baseline_tf, IC à 95\u00a0% (p)"
    ),
    "note.million": Phrase("{millions:.1f} M", "{millions:.1f} M"),
    "note.yes": Phrase("yes", "oui"),
    "note.no": Phrase("no", "non"),
    "note.check": Phrase("to be checked", "à vérifier"),
    "note.random": Phrase("random start", "départ aléatoire"),
    "note.modes": Phrase(
        "frozen: only a new head learns, on features of the pretrained network; finetune: every weight learns.",
        "frozen : seule une nouvelle tête est entraînée, sur les descripteurs du réseau préentraîné ; "
        "finetune : tous les poids sont entraînés.",
    ),
    "note.protocol.training": Phrase(
        "Training: the same training products for all, each network with its own weights' preprocessing; {optimizer}, "
        "weight decay {weight_decay:g}; {stop}; {seeds}.",
        "Entraînement : les mêmes produits pour tous, chaque réseau avec le prétraitement de ses poids ; {optimizer}, "
        "pénalisation des poids {weight_decay:g} ; {stop} ; {seeds}.",
    ),
    "note.protocol.stop": Phrase(
        "stopped after {patience} epochs without progress on validation",
        "arrêt après {patience} époques sans progrès en validation",
    ),
    "note.protocol.no_stop": Phrase("no early stopping", "pas d’arrêt anticipé"),
    "note.protocol.seeds.one": Phrase("seed {seeds}", "graine {seeds}"),
    "note.protocol.seeds.other": Phrase("seeds {seeds}", "graines {seeds}"),
    "note.protocol.schedule": Phrase(
        "{who}: at most {epochs} epochs{steps}, learning rate {rate}, batches of {batch_size}, loss {loss}.",
        "{who} : au plus {epochs} époques{steps}, taux d’apprentissage {rate}, lots de {batch_size}, perte {loss}.",
    ),
    "note.protocol.steps": Phrase(" or {n:,d} steps", " ou {n:,d} pas"),
    "note.protocol.as_is": Phrase(
        "{who}: taken as it is, nothing trained.", "{who} : repris tel quel, sans entraînement."
    ),
    "note.protocol.group": Phrase("{n} candidates ({modes})", "{n} candidats ({modes})"),
    "note.protocol.evaluation": Phrase(
        "Evaluation: the test split decides nothing before it is scored. Intervals hold 95\u00a0%: Wilson's for "
        "accuracy, "
        "{n_bootstrap:,d} stratified bootstrap resamples for F1. Candidates meet on the same products in McNemar's "
        "test "
        "(several seeds: the sign-flip test), p-values by Holm, α = 0.05; intervals of differences are not widened "
        "for the number of tests. Temperatures T are fitted on validation alone.",
        "Évaluation : le jeu de test ne sert à aucune décision avant la mesure. Intervalles à 95\u00a0% : Wilson pour "
        "l’exactitude, {n_bootstrap:,d} rééchantillonnages bootstrap stratifiés pour F1. Les candidats sont comparés "
        "sur "
        "les mêmes produits par le test de McNemar (plusieurs graines : test par changements de signe), valeurs p "
        "selon "
        "Holm, α = 0,05 ; les intervalles des écarts ne sont pas élargis selon le nombre de tests. Les températures T "
        "sont ajustées sur la validation seule.",
    ),
    "note.protocol.speed": Phrase(
        "Speed: the network alone, after warm-up, on {device}, {threads} threads; ms/photo is the median at batch 1, "
        "images/s "
        "the best of the batches {batch_sizes}.",
        "Vitesse : le réseau seul, après mise en route, sur {device}, {threads} fils d’exécution ; ms/photo est la "
        "médiane "
        "par lot de 1, images/s le meilleur des lots {batch_sizes}.",
    ),
    "note.results.caption": Phrase(
        "Means over training seeds where there are several. Apart, not in the ranking: {apart}.",
        "Moyennes sur les graines lorsqu’il y en a plusieurs. À part, hors classement : {apart}.",
    ),
    "note.results.caption_none": Phrase(
        "Means over training seeds where there are several.", "Moyennes sur les graines lorsqu’il y en a plusieurs."
    ),
    "note.results.more": Phrase(
        "{n} more are in reports/leaderboard.csv.", "{n} autres figurent dans reports/leaderboard.csv."
    ),
    "note.results.no_tests": Phrase(
        "The paired tests are missing from choice.json.", "Les tests appariés manquent dans choice.json."
    ),
    "note.choice.best": Phrase(
        "Chosen: {candidate}, accuracy {accuracy:.3f} (95\u00a0% interval {low:.3f} to {high:.3f}), {latency:.1f} ms "
        "per "
        "photo, "
        "{size:.0f} MiB, licence {licence}.",
        "Choix : {candidate}, exactitude {accuracy:.3f} (intervalle à 95\u00a0% : {low:.3f} à {high:.3f}), "
        "{latency:.1f} "
        "ms par "
        "photo, {size:.0f} Mio, licence {licence}.",
    ),
    "note.choice.none": Phrase(
        "No candidate keeps the rule: none is chosen.", "Aucun candidat ne respecte la règle : aucun n’est choisi."
    ),
    "note.choice.commercial_same": Phrase("It may be used commercially.", "Son usage commercial est permis."),
    "note.choice.commercial": Phrase(
        "For commercial use: {candidate}, accuracy {accuracy:.3f}, {latency:.1f} ms per photo.",
        "Pour un usage commercial : {candidate}, exactitude {accuracy:.3f}, {latency:.1f} ms par photo.",
    ),
    "note.choice.commercial_none": Phrase(
        "No eligible candidate is proven to be usable commercially.",
        "Pour aucun candidat admissible l’usage commercial n’est établi.",
    ),
    "note.choice.stability": Phrase(
        "How sure: the rule picks it again in {share} of {n:,d} resampled test sets.",
        "Certitude : la règle le choisit de nouveau dans {share} des {n:,d} jeux de test rééchantillonnés.",
    ),
    "note.choice.no_stability": Phrase(
        "How often resampled test sets would give the same choice was not computed.",
        "La part des jeux de test rééchantillonnés qui donneraient le même choix n’a pas été calculée.",
    ),
    "note.choice.group": Phrase(
        "This test cannot tell it apart from {names}.", "Ce test ne permet pas de le distinguer de {names}."
    ),
    "note.choice.group_many": Phrase(
        "This test cannot tell it apart from {n} others, {names} first.",
        "Ce test ne permet pas de le distinguer de {n} autres, à commencer par {names}.",
    ),
    "note.choice.matrix": Phrase(
        "Weighted decision matrix (accuracy, CPU time, memory, feature size, support): {names}.",
        "Matrice de décision pondérée (exactitude, temps de calcul, mémoire, taille des descripteurs, support) : "
        "{names}.",
    ),
    "note.choice.matrix_item": Phrase("{candidate} {total:.2f}", "{candidate} {total:.2f}"),
    "note.choice.aggregate": Phrase(
        "Over {n} splits of the same study {candidate} has the highest mean accuracy, {mean:.3f} "
        "({low:.3f} to {high:.3f}), and is the best in {n_best}.",
        "Sur {n} découpages de la même étude, {candidate} obtient la meilleure exactitude moyenne, {mean:.3f} "
        "({low:.3f} à {high:.3f}), et arrive en tête dans {n_best}.",
    ),
    "note.limit.n_test": Phrase(
        "{n:,d} test products: the accuracy of the leading candidate is known to ±{half:.1f} points.",
        "{n:,d} produits de test : l’exactitude du candidat de tête est connue à ±{half:.1f} points.",
    ),
    "note.limit.random": Phrase(
        "Random starts, which say nothing of their backbones: {names}.",
        "Départs aléatoires, qui ne disent rien de ces modèles : {names}.",
    ),
    "note.limit.not_learned": Phrase("Did not learn: {names}.", "N’ont pas appris : {names}."),
    "note.limit.failed": Phrase("Failed, no result: {names}.", "En échec, sans résultat : {names}."),
    "note.limit.overfits": Phrase(
        "Over-fitting (train accuracy well above test): {names}.",
        "Surapprentissage (exactitude bien plus haute à l’entraînement qu’au test) : {names}.",
    ),
    "note.limit.noisy": Phrase(
        "Speeds measured while the machine was restless: {names}.",
        "Vitesses mesurées alors que la machine n’était pas stable : {names}.",
    ),
    "note.limit.one_seed": Phrase(
        "One training seed per candidate: how much the seed matters is not known.",
        "Une seule graine d’entraînement par candidat : l’effet de la graine n’est pas connu.",
    ),
    "note.limit.one_split": Phrase(
        "One split: intervals count the luck of these test products, not that of another split (`bakeoff aggregate`).",
        "Un seul découpage : les intervalles couvrent le hasard de ces produits de test, non celui d’un autre "
        "découpage "
        "(`bakeoff aggregate`).",
    ),
    "note.limit.machine": Phrase(
        "Times hold for {device}; another machine may order the candidates otherwise.",
        "Les temps valent pour {device} ; une autre machine peut classer les candidats autrement.",
    ),
    "note.limit.stamps": Phrase(
        "The photos are the demo's: the ranking says nothing of a shop's photos.",
        "Les photos sont celles de la démonstration : le classement ne dit rien des photos d’une boutique.",
    ),
    "note.limit.synthetic": Phrase(
        "The photos are generated: the ranking says nothing of real photos.",
        "Les photos sont générées : le classement ne dit rien de vraies photos.",
    ),
    "note.reproduce": Phrase(
        "The same commit, photos and parameters give the same predictions on the same type of machine.",
        "Les mêmes commit, photos et paramètres redonnent les mêmes prédictions sur le même type de machine.",
    ),
    "note.reproduce.digest": Phrase("Digest of the photos: {digest}.", "Empreinte des photos : {digest}."),
    "note.reproduce.versions": Phrase("Versions: {versions}.", "Versions : {versions}."),
    "note.reproduce.several": Phrase(
        "The trainings come from several commits ({commits}): train anew to have one.",
        "Les entraînements viennent de plusieurs commits ({commits}) : réentraînez pour n’en avoir qu’un.",
    ),
}
