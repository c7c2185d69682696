"""What the report says about its evidence: classes, confusions, calibration, learning, speed, heat maps, colour."""

from __future__ import annotations

from bakeoff.language.phrases import Phrase

_CLASSES = {
    "classes.title": Phrase("Class by class", "Classe par classe"),
    "classes.intro": Phrase(
        "F1 of every class and candidate on the test photos; classes that are confused with each other stand "
        "together. The best "
        "of a row is underlined. A class with few photos has a wide interval, shown when you point at a cell.",
        "F1 de chaque classe et de chaque candidat sur les photos de test ; les classes confondues entre elles "
        "sont voisines. Le "
        "meilleur de chaque ligne est souligné. Une classe qui a peu de photos a un large intervalle, visible au "
        "survol.",
    ),
    "classes.filter": Phrase("Show classes with", "Afficher les classes contenant"),
    "classes.note": Phrase(
        "An en dash: the class was neither present nor predicted, so F1 is not defined.",
        "Un tiret : la classe n’était ni présente ni prédite, F1 n’est pas définie.",
    ),
}

_CONFUSIONS = {
    "confusions.title": Phrase("What is taken for what", "Ce qui est pris pour autre chose"),
    "confusions.intro": Phrase(
        "Test photos; rows are the true class, columns the predicted one. Blue is right, orange is wrong; the "
        "darker, the more. "
        "Zoom with the buttons, by pinching, with the wheel once the matrix is chosen, or with + and −; the "
        "arrow keys walk from cell to cell.",
        "Photos de test ; en lignes la vraie classe, en colonnes la classe prédite. Bleu : juste ; orange : faux "
        "; plus c’est foncé, "
        "plus il y en a. Pour agrandir : boutons, pincement, molette une fois la matrice activée, ou touches + "
        "et − ; les flèches "
        "vont de case en case.",
    ),
    "confusions.missing": Phrase("No confusion matrix was found.", "Aucune matrice de confusion n’a été trouvée."),
    "confusions.clustered": Phrase("classes that are confused stand together", "les classes confondues sont voisines"),
    "confusions.tools": Phrase(
        "View of the confusion matrix of {name}", "Affichage de la matrice de confusion de {name}"
    ),
    "confusions.share": Phrase("Shade by share of the row", "Teinte selon la part de la ligne"),
    "confusions.count": Phrase("Shade by count", "Teinte selon le nombre"),
    "confusions.zoom_in": Phrase("Zoom in", "Agrandir"),
    "confusions.zoom_out": Phrase("Zoom out", "Réduire"),
    "confusions.zoom_all": Phrase("Whole matrix", "Matrice entière"),
    "confusions.role": Phrase("confusion matrix", "matrice de confusion"),
    "confusions.keys": Phrase(
        "Confusion matrix of {name}, {n} classes. Arrow keys walk, plus and minus zoom, 0 shows all.",
        "Matrice de confusion de {name}, {n} classes. Flèches pour se déplacer, plus et moins pour agrandir ou "
        "réduire, 0 pour tout voir.",
    ),
    "confusions.true": Phrase("true", "vraie"),
    "confusions.predicted": Phrase("predicted", "prédite"),
    "confusions.cell": Phrase(
        "<true> taken for <predicted>: <n> of <total> photos (<share> %)",
        "<true>, classe prédite <predicted> : <n> photos sur <total> (<share> %)",
    ),
    "confusions.cell_right": Phrase(
        "<true> recognised: <n> of <total> photos (<share> %)",
        "<true>, bien reconnue : <n> photos sur <total> (<share> %)",
    ),
    "confusions.cell_none": Phrase("<true> is never taken for <predicted>", "<true> : jamais prise pour <predicted>"),
    "confusions.pairs": Phrase("Most confused", "Confusions les plus fréquentes"),
    "confusions.pair": Phrase(
        "**{true}** taken for {predicted} ({n:,d} of {total:,d})", "**{true}** → {predicted} ({n:,d} sur {total:,d})"
    ),
    "confusions.photo": Phrase(
        "Photos of {true} taken for {predicted}", "Photos de la classe {true} prises pour {predicted}"
    ),
    "confusions.none": Phrase("No test photo is confused.", "Aucune photo de test n’est confondue."),
    "confusions.groups": Phrase("Groups of confusable classes", "Groupes de classes qui se confondent"),
    "confusions.group.one": Phrase("{n} photo confused within", "{n} photo confondue à l’intérieur"),
    "confusions.group.other": Phrase("{n} photos confused within", "{n} photos confondues à l’intérieur"),
    "confusions.never.one": Phrase("Never predicted:", "Jamais prédite :"),
    "confusions.never.other": Phrase("{n} classes are never predicted:", "{n} classes ne sont jamais prédites :"),
}

_CALIBRATION = {
    "calibration.title": Phrase("Can its probabilities be believed?", "Peut-on croire ses probabilités ?"),
    "calibration.intro": Phrase(
        "Where the dots lie on the diagonal, 80 % sure means right 80 times out of 100; the darker a bar, the "
        "more photos it "
        "holds. One number, the temperature, was fitted on the validation photos alone. ECE is the mean distance "
        "from the diagonal, in points.",
        "Là où les points sont sur la diagonale, sûr à 80 % veut dire juste 80 fois sur 100 ; plus une barre est "
        "foncée, plus elle "
        "contient de photos. Un seul nombre, la température, est ajusté sur les seules photos de validation. "
        "L’ECE est la distance "
        "moyenne à la diagonale, en points.",
    ),
    "calibration.missing": Phrase(
        "No candidate has been calibrated (no `calibration.json`).",
        "Aucun candidat n’a été calibré (pas de `calibration.json`).",
    ),
    "calibration.stage.before": Phrase("As trained", "Tel quel"),
    "calibration.stage.after": Phrase("After temperature scaling", "Après calibration"),
    "calibration.figure.before": Phrase(
        "Reliability diagram of {name} as trained, ECE {ece} points",
        "Diagramme de fiabilité de {name} tel quel, ECE {ece} points",
    ),
    "calibration.figure.after": Phrase(
        "Reliability diagram of {name} after temperature scaling, ECE {ece} points",
        "Diagramme de fiabilité de {name} après calibration, ECE {ece} points",
    ),
    "calibration.axis.confidence": Phrase(
        "stated probability, % (up: right, %)", "probabilité annoncée, % (en hauteur : juste, %)"
    ),
    "calibration.ece": Phrase("ECE {ece} points", "ECE {ece} points"),
    "calibration.warning.temperature_at_bound": Phrase(
        "no temperature fits: validation is all right or all wrong",
        "aucune température ne convient : validation toute juste ou toute fausse",
    ),
    "calibration.warning.validation_small": Phrase(
        "few validation photos: the temperature is uncertain", "peu de photos de validation : température incertaine"
    ),
    "calibration.all.one": Phrase("Calibration of the candidate in numbers", "La calibration du candidat en chiffres"),
    "calibration.all.other": Phrase(
        "Calibration of all {n} candidates in numbers", "La calibration des {n} candidats en chiffres"
    ),
    "calibration.label": Phrase("Calibration of all candidates", "Calibration de tous les candidats"),
    "calibration.col.before": Phrase("ECE before", "ECE avant"),
    "calibration.col.after": Phrase("ECE after", "ECE après"),
    "calibration.col.loss_before": Phrase("log loss before", "perte log. avant"),
    "calibration.col.loss_after": Phrase("log loss after", "perte log. après"),
    "coverage.title": Phrase("Send the unsure ones to a person", "Confier les cas douteux à une personne"),
    "coverage.intro": Phrase(
        "Only answers at least this sure are kept; the others go to a person.",
        "Seules les réponses au moins aussi sûres sont gardées ; les autres vont à une personne.",
    ),
    "coverage.label": Phrase("Confidence thresholds of {name}", "Seuils de confiance de {name}"),
    "coverage.threshold": Phrase("at least", "au moins"),
    "coverage.human": Phrase("to a person", "à une personne"),
    "coverage.automatic": Phrase("automatic", "automatique"),
    "coverage.accuracy": Phrase("of these right", "dont justes"),
}

_LEARNING = {
    "learning.title": Phrase("How they learned", "Comment ils ont appris"),
    "learning.intro": Phrase(
        "A candidate over-fits where it knows its training photos much better than new ones: the gap is train "
        "minus test, in points.",
        "Un candidat surapprend quand il connaît ses photos d’apprentissage bien mieux que de nouvelles : l’écart est "
        "l’exactitude d’apprentissage moins celle du test, en points.",
    ),
    "learning.table": Phrase(
        "Train, validation and test side by side", "Apprentissage, validation et test côte à côte"
    ),
    "learning.train": Phrase("train", "apprentissage"),
    "learning.validation": Phrase("validation", "validation"),
    "learning.test": Phrase("test", "test"),
    "learning.gap": Phrase("gap, points", "écart, points"),
    "learning.loss_train": Phrase("log loss train", "perte log. apprent."),
    "learning.loss_test": Phrase("log loss test", "perte log. test"),
    "learning.epochs": Phrase("epochs", "époques"),
    "learning.early": Phrase("stopped early", "arrêt anticipé"),
    "learning.overfits": Phrase("OVER-FITS", "SURAPPREND"),
    "learning.fits": Phrase("FITS", "CORRECT"),
    "learning.more.one": Phrase("Curves of {n} more candidate", "Courbes d’{n} autre candidat"),
    "learning.more.other": Phrase("Curves of {n} more candidates", "Courbes de {n} autres candidats"),
    "learning.figure.loss": Phrase(
        "Training and validation loss of {name} by epoch", "Perte d’apprentissage et de validation de {name} par époque"
    ),
    "learning.figure.accuracy": Phrase(
        "Training and validation accuracy of {name} by epoch",
        "Exactitude d’apprentissage et de validation de {name} par époque",
    ),
    "learning.axis.loss": Phrase("loss by epoch", "perte par époque"),
    "learning.axis.accuracy": Phrase("accuracy by epoch", "exactitude par époque"),
    "learning.no_curves": Phrase(
        "No learning curves were found (`history.csv`).",
        "Aucune courbe d’apprentissage n’a été trouvée (`history.csv`).",
    ),
    "learning.missing": Phrase(
        "No learning curves and no training metrics were found.",
        "Ni courbes ni mesures d’apprentissage n’ont été trouvées.",
    ),
}

_SPEED = {
    "speed.title": Phrase("Speed in detail", "La vitesse en détail"),
    "speed.protocol": Phrase(
        "Each network runs alone on this machine, with fixed threads, until its speed is stable; only then is it "
        "timed, with the device "
        "synchronised. One photo at a time gives the latency percentiles (ms), batches of growing size the "
        "images per second of the best "
        "batch, and reading, decoding and preparing come on top in the end-to-end figures. A fixed calculation "
        "before and after tells "
        "whether the machine changed its speed meanwhile; above 10 %, or where two timings of the network disagree, "
        "the record is marked noisy and measured again.",
        "Chaque réseau tourne seul sur cette machine, avec un nombre fixe de fils, jusqu’à ce que sa vitesse "
        "soit stable ; alors seulement il est "
        "chronométré, processeur synchronisé. Une photo à la fois donne les percentiles de latence (ms), des "
        "lots de taille croissante les "
        "images par seconde du meilleur lot ; lecture, décodage et préparation s’y ajoutent dans les chiffres de "
        "bout en bout. Un calcul "
        "fixe avant et après dit si la machine a changé d’allure entre-temps ; au-delà de 10 %, ou si deux "
        "mesures du réseau se contredisent, la mesure est marquée bruitée et refaite.",
    ),
    "speed.devices": Phrase("Measured on: {devices}.", "Mesuré sur : {devices}."),
    "speed.session": Phrase(
        "All candidates were measured in turns in one session, which is the fair comparison.",
        "Tous les candidats ont été mesurés à tour de rôle en une seule session : c’est la comparaison équitable.",
    ),
    "speed.alone": Phrase(
        "Each candidate was measured after its own training; `bakeoff throughput` measures all of them in turns, "
        "which is fairer.",
        "Chaque candidat a été mesuré après son propre apprentissage ; `bakeoff throughput` les mesure tous à "
        "tour de rôle, ce qui est plus équitable.",
    ),
    "speed.noisy": Phrase(
        "The machine was restless during the measurement of {names}: it changed its speed, or two timings of the "
        "network disagreed.",
        "La machine n’était pas stable pendant la mesure de {names} : elle a changé d’allure, ou deux mesures du "
        "réseau se contredisent.",
    ),
    "speed.attempts.one": Phrase("{n} attempt", "{n} essai"),
    "speed.attempts.other": Phrase("{n} attempts", "{n} essais"),
    "speed.best_batch": Phrase("best batch", "meilleur lot"),
    "speed.file": Phrase("file MiB", "fichier Mio"),
    "speed.parts": Phrase(
        "Where the time of a photo goes, end to end", "Où passe le temps d’une photo, de bout en bout"
    ),
    "speed.decode_ms": Phrase("read and decode", "lecture et décodage"),
    "speed.preprocess_ms": Phrase("prepare", "préparation"),
    "speed.forward_ms": Phrase("network", "réseau"),
    "speed.total_ms": Phrase("ms per photo", "ms par photo"),
    "speed.where": Phrase("parts", "répartition"),
    "speed.sweep": Phrase("Images per second by batch size", "Images par seconde selon la taille du lot"),
    "speed.sweep_intro": Phrase(
        "Bold: the best batch size of each candidate.", "En gras : la meilleure taille de lot de chaque candidat."
    ),
    "speed.batch": Phrase("batch {n}", "lot de {n}"),
    "speed.settings": Phrase("settings", "réglages"),
    "speed.skipped.budget": Phrase("no time left", "temps épuisé"),
    "speed.skipped.memory": Phrase("memory full", "mémoire pleine"),
    "speed.index": Phrase("Did the machine keep its speed?", "La machine a-t-elle gardé son allure ?"),
    "speed.index_intro": Phrase(
        "The same calculation before and after each measurement, and by how much two timings of the network disagree; "
        "modes and seeds of one network share a measurement.",
        "Le même calcul avant et après chaque mesure, et l’écart entre deux mesures du réseau ; les modes et graines "
        "d’un même réseau partagent une mesure.",
    ),
    "speed.before": Phrase("before", "avant"),
    "speed.after": Phrase("after", "après"),
    "speed.unit": Phrase("unit", "unité"),
    "speed.drift": Phrase("drift", "dérive"),
    "speed.disagreement": Phrase("timings differ by", "écart des mesures"),
    "speed.measured_on": Phrase("measured on", "mesuré sur"),
}

_PICTURES = {
    "heat.title": Phrase("What the candidates look at", "Ce que regardent les candidats"),
    "heat.intro": Phrase(
        "Test photos with Integrated Gradients and Occlusion: the regions that speak for the predicted class.",
        "Photos de test avec gradients intégrés et occlusion : les zones qui plaident pour la classe prédite.",
    ),
    "heat.alt": Phrase(
        "Photo {product}, Integrated Gradients and Occlusion of {name}",
        "Photo {product}, gradients intégrés et occlusion de {name}",
    ),
    "heat.right": Phrase("right, is {true}", "juste : {true}"),
    "heat.wrong": Phrase("wrong, is {true}, taken for {predicted}", "faux : {true}, prise pour {predicted}"),
    "heat.more.one": Phrase("{n} more, of the other candidates", "{n} autre, des autres candidats"),
    "heat.more.other": Phrase("{n} more, of the other candidates", "{n} autres, des autres candidats"),
    "heat.left_out.one": Phrase(
        "{n} more picture would make this page too large; all lie under",
        "{n} image de plus rendrait cette page trop lourde ; toutes se trouvent sous",
    ),
    "heat.left_out.other": Phrase(
        "{n} more pictures would make this page too large; all lie under",
        "{n} images de plus rendraient cette page trop lourde ; toutes se trouvent sous",
    ),
    "colour.title": Phrase("What colour is worth", "Ce que vaut la couleur"),
    "colour.intro": Phrase(
        "Accuracy lost, in points, when one colour channel is shuffled between the photos. A long bar means that "
        "the candidate leans on that colour.",
        "Exactitude perdue, en points, quand un canal de couleur est mélangé entre les photos. Une longue barre "
        ": le candidat s’appuie sur cette couleur.",
    ),
    "colour.red": Phrase("red", "rouge"),
    "colour.green": Phrase("green", "vert"),
    "colour.blue": Phrase("blue", "bleu"),
    "colour.note.one": Phrase(
        "On {n_test} test photos (± one standard error over them), {n} shuffle per channel.",
        "Sur {n_test} photos de test (± une erreur type), {n} mélange par canal.",
    ),
    "colour.note.other": Phrase(
        "On {n_test} test photos (± one standard error over them), {n} shuffles per channel.",
        "Sur {n_test} photos de test (± une erreur type), {n} mélanges par canal.",
    ),
}

PHRASES: dict[str, Phrase] = {**_CLASSES, **_CONFUSIONS, **_CALIBRATION, **_LEARNING, **_SPEED, **_PICTURES}
