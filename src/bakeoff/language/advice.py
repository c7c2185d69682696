"""What `bakeoff advise` says: questions, reasons, ends of the trees, and the table of backbones."""

from __future__ import annotations

from bakeoff.language.phrases import Phrase

PHRASES: dict[str, Phrase] = {
    "advice.facts.images": Phrase(
        "{n_images:,d} photos in {n_classes:,d} classes, {per_class:,.0f} per class",
        "{n_images:,d} photos dans {n_classes:,d} classes, soit {per_class:,.0f} par classe",
    ),
    "advice.facts.cpu": Phrase("no GPU, {n_cores} CPU cores", "pas de GPU, {n_cores} cœurs de processeur"),
    "advice.facts.cuda": Phrase("an NVIDIA GPU", "un GPU NVIDIA"),
    "advice.facts.mps": Phrase("an Apple GPU", "un GPU Apple"),
    "advice.facts.hours": Phrase("{hours:g} h for the whole study", "{hours:g} h pour toute l’étude"),
    "advice.assumed.images": Phrase(
        "No catalogue here yet: the size of the Flipkart sample is assumed. Give --images and --classes for yours.",
        "Pas encore de catalogue ici : la taille de l’échantillon Flipkart est supposée. "
        "Indiquez la vôtre avec --images et --classes.",
    ),
    "advice.assumed.classes": Phrase(
        "The number of classes is assumed: give --classes.",
        "Le nombre de classes est supposé : indiquez-le avec --classes.",
    ),
    "advice.tree.family": Phrase("Which backbones? (size of the catalogue)", "Quels modèles ? (taille du catalogue)"),
    "advice.tree.machine": Phrase(
        "How to train them? (machine and time)", "Comment les entraîner ? (machine et temps disponible)"
    ),
    "advice.yes": Phrase("yes", "oui"),
    "advice.no": Phrase("no", "non"),
    "advice.otherwise": Phrase("otherwise: {end}", "sinon : {end}"),
    "advice.question.few_per_class": Phrase(
        "fewer than {threshold:g} photos per class? {value:,.0f}: {answer}",
        "moins de {threshold:g} photos par classe ? {value:,.0f} : {answer}",
    ),
    "advice.reason.few_per_class": Phrase(
        "Below that, a test split of a tenth holds fewer than 10 photos per class: large backbones cost more, and the "
        "test could not show that they are better.",
        "En dessous, un jeu de test d’un dixième compte moins de 10 photos par classe : un grand modèle coûte plus "
        "cher, et le test ne pourrait pas montrer qu’il est meilleur.",
    ),
    "advice.question.small": Phrase(
        "fewer than {threshold:,.0f} photos in all? {value:,.0f}: {answer}",
        "moins de {threshold:,.0f} photos en tout ? {value:,.0f} : {answer}",
    ),
    "advice.reason.small": Phrase(
        "The border between small and medium tasks in a study of transfer over more than 20 data sets; more photos "
        "are worth a larger network.",
        "La limite entre petites et moyennes tâches dans une étude de transfert sur plus de 20 jeux de données ; "
        "au-delà, un plus grand réseau se justifie.",
    ),
    "advice.question.no_gpu": Phrase("no GPU? {answer}", "pas de GPU ? {answer}"),
    "advice.reason.no_gpu": Phrase(
        "Without one, a frozen backbone runs once per photo, and only the head learns; fine-tuning runs it forward and "
        "backward at every epoch.",
        "Sans GPU, un modèle gelé traite chaque photo une seule fois et seule la tête apprend ; l’affinage "
        "la fait passer, aller et retour, à chaque époque.",
    ),
    "advice.question.finetune_in_time": Phrase(
        "do extraction and 5 epochs of fine-tuning of all of them fit into {threshold:g} h? {value:,.1f} h: {answer}",
        "l’extraction et 5 époques d’affinage de tous ces modèles tiennent-elles en {threshold:g} h ? "
        "{value:,.1f} h : {answer}",
    ),
    "advice.reason.finetune_in_time": Phrase(
        "Estimated from the measured speeds below: a training step costs about three forward passes.",
        "Estimation d’après les vitesses mesurées ci-dessous : un pas d’entraînement coûte environ trois passes avant.",
    ),
    "advice.question.extract_in_time": Phrase(
        "does the extraction of features alone fit into {threshold:g} h? {value:,.1f} h: {answer}",
        "l’extraction des descripteurs seule tient-elle en {threshold:g} h ? {value:,.1f} h : {answer}",
    ),
    "advice.reason.extract_in_time": Phrase(
        "Each photo passes once through each backbone; the features are kept and the heads train in minutes.",
        "Chaque photo passe une fois dans chaque modèle ; les descripteurs sont conservés et les têtes s’entraînent "
        "en quelques minutes.",
    ),
    "advice.question.too_few_to_finetune": Phrase(
        "fewer than {threshold:g} photos per class? {value:,.0f}: {answer}",
        "moins de {threshold:g} photos par classe ? {value:,.0f} : {answer}",
    ),
    "advice.reason.too_few_to_finetune": Phrase(
        "Below that, validation holds 2 photos per class or fewer and cannot see over-fitting; fine-tuning then spoils "
        "good features.",
        "En dessous, la validation compte au plus 2 photos par classe et ne voit pas le surapprentissage ; "
        "l’affinage abîme alors de bons descripteurs.",
    ),
    "advice.end.compact": Phrase("compact convolutional networks", "des réseaux convolutifs compacts"),
    "advice.end.tiny": Phrase(
        "a compact network and small hierarchical or hybrid ones (4 to 32 M parameters)",
        "un réseau compact et de petits réseaux hiérarchiques ou hybrides (4 à 32 M de paramètres)",
    ),
    "advice.end.large": Phrase(
        "larger hierarchical and hybrid networks (28 to 98 M parameters), and a compact one to beat",
        "de plus grands réseaux hiérarchiques et hybrides (28 à 98 M de paramètres), et un compact à battre",
    ),
    "advice.end.cpu_finetune": Phrase("frozen and fine-tuned, 5 epochs", "gelés et affinés, 5 époques"),
    "advice.end.cpu_extract": Phrase(
        "frozen: extract features once, train heads", "gelés : extraire les descripteurs une fois, entraîner les têtes"
    ),
    "advice.end.cpu_too_slow": Phrase(
        "frozen, and still more than the time given: start with the fastest backbone, or with part of the photos",
        "gelés, et cela dépasse encore le temps donné : commencez par le modèle le plus rapide ou par une partie "
        "des photos",
    ),
    "advice.end.gpu_frozen": Phrase("frozen: only the head learns", "gelés : seule la tête apprend"),
    "advice.end.gpu_finetune": Phrase(
        "frozen and fine-tuned, the schedule of profile full (25 epochs)",
        "gelés et affinés, calendrier du profil full (25 époques)",
    ),
    "advice.plan": Phrase(
        "Batch {batch_size}; learning rate {rates}.", "Lots de {batch_size} ; taux d’apprentissage {rates}."
    ),
    "advice.semicolon": Phrase("; ", " ; "),
    "advice.table": Phrase("Backbones to try", "Modèles à essayer"),
    "advice.column.model": Phrase("model", "modèle"),
    "advice.column.licence": Phrase("licence (code / weights)", "licence (code / poids)"),
    "advice.column.commercial": Phrase("commercial use", "usage commercial"),
    "advice.column.top1": Phrase("ImageNet top-1, published", "ImageNet top-1, publié"),
    "advice.column.speed": Phrase("images/s", "images/s"),
    "advice.column.extract": Phrase("h to extract", "h d’extraction"),
    "advice.column.finetune": Phrase("h to fine-tune", "h d’affinage"),
    "advice.commercial.yes": Phrase("yes", "oui"),
    "advice.commercial.no": Phrase("NO", "NON"),
    "advice.commercial.unknown": Phrase("check the licence", "licence à vérifier"),
    "advice.unknown": Phrase("not measured", "non mesuré"),
    "advice.speed.here": Phrase(
        "Speeds marked * were measured on this machine.", "Les vitesses marquées * ont été mesurées sur cette machine."
    ),
    "advice.speed.table": Phrase(
        "Speeds of the network alone, measured on two cores of an AMD EPYC (batch 32, float32) and scaled to this "
        "machine's {n_cores} cores; "
        "photos are read beside it. `bakeoff throughput` measures yours.",
        "Vitesses du réseau seul, mesurées sur deux cœurs d’un AMD EPYC (lots de 32, float32) et rapportées aux "
        "{n_cores} cœurs de cette machine ; "
        "la lecture des photos s’y ajoute. `bakeoff throughput` mesure les vôtres.",
    ),
    "advice.speed.none": Phrase(
        "Nobody has measured speeds on such a device here: `bakeoff throughput` does, after a first run.",
        "Aucune vitesse n’a été mesurée ici sur un tel matériel : `bakeoff throughput` le fait, "
        "après une première exécution.",
    ),
    "advice.left_out.licence_forbids": Phrase(
        "{model}: its licence forbids commercial use", "{model} : sa licence interdit l’usage commercial"
    ),
    "advice.left_out.licence_unknown": Phrase(
        "{model}: commercial use is not proven, check its licence",
        "{model} : l’usage commercial n’est pas établi, vérifiez sa licence",
    ),
    "advice.left_out": Phrase("Left out: {reasons}.", "Laissés de côté : {reasons}."),
    "advice.try": Phrase("Try them:", "Pour les essayer :"),
    "advice.demo": Phrase(
        "Rules of thumb open a study, they do not close it: the measured leaderboard decides.",
        "Ces règles ouvrent une étude, elles ne la concluent pas : c’est le classement mesuré qui décide.",
    ),
}
