"""How sure the choice is: paired comparisons, groups that cannot be told apart, resampled test photos."""

from __future__ import annotations

from bakeoff.language.phrases import Phrase

_NUMBERS = {
    3: Phrase("three", "trois"),
    4: Phrase("four", "quatre"),
    5: Phrase("five", "cinq"),
    6: Phrase("six", "six"),
    7: Phrase("seven", "sept"),
    8: Phrase("eight", "huit"),
    9: Phrase("nine", "neuf"),
    10: Phrase("ten", "dix"),
}

COMPARISONS: dict[str, Phrase] = {
    **{f"number.{n}": phrase for n, phrase in _NUMBERS.items()},
    "number.2": Phrase("two", "deux"),
    "the_baseline": Phrase("the baseline", "la référence"),
    "pair.better": Phrase(
        "{candidate} beats {against} by {points} points (95 % CI {low} to {high}, corrected {p})",
        "{candidate} dépasse {against} de {points} points (IC à 95 % : {low} à {high} ; {p} après correction)",
    ),
    "pair.worse": Phrase(
        "{candidate} is {points} points behind {against} (95 % CI {low} to {high}, corrected {p})",
        "{candidate} est {points} points derrière {against} (IC à 95 % : {low} à {high} ; {p} après correction)",
    ),
    "pair.undecided": Phrase(
        "{candidate} and {against} cannot be told apart with {n} test photos ({points} points, 95 % CI {low} to "
        "{high}, corrected {p}); about {needed} would be needed",
        "{candidate} et {against} ne peuvent être départagés avec {n} photos de test ({points} points ; IC à 95 % : "
        "{low} à {high} ; {p} après correction) ; il en faudrait environ {needed}",
    ),
    "pair.equal": Phrase(
        "{candidate} and {against} cannot be told apart with {n} test photos: each is right where the other is wrong "
        "equally often (corrected {p})",
        "{candidate} et {against} ne peuvent être départagés avec {n} photos de test : chacun a raison là où l’autre "
        "se trompe, aussi souvent l’un que l’autre ({p} après correction)",
    ),
    "groups.too_few": Phrase(
        "Fewer than two candidates can be compared.", "Moins de deux candidats peuvent être comparés."
    ),
    "groups.none": Phrase(
        "Each of the {k} candidates compared can be told apart from the next in the ranking with {n} test photos.",
        "Chacun des {k} candidats comparés se distingue du suivant au classement avec {n} photos de test.",
    ),
    "groups.pair": Phrase(
        "{names}: these two cannot be told apart with {n} test photos; {tail}.",
        "{names} : ces deux candidats ne peuvent être départagés avec {n} photos de test ; {tail}.",
    ),
    "groups.many": Phrase(
        "{names}: these {k} cannot be told apart with {n} test photos; {tail}.",
        "{names} : ces {k} candidats ne peuvent être départagés avec {n} photos de test ; {tail}.",
    ),
    "groups.range": Phrase(
        "The {k} candidates from {first} to {last} cannot be told apart with {n} test photos; {tail}.",
        "Les {k} candidats de {first} à {last} ne peuvent être départagés avec {n} photos de test ; {tail}.",
    ),
    "groups.needed": Phrase(
        "about {needed} would be needed for the first and the last of them",
        "il en faudrait environ {needed} pour départager le premier et le dernier",
    ),
    "groups.needed_pair": Phrase("about {needed} would be needed", "il en faudrait environ {needed}"),
    "groups.never_pair": Phrase(
        "both are right equally often, so more photos need not help",
        "les deux ont raison aussi souvent : davantage de photos n’aideraient pas forcément",
    ),
    "groups.never": Phrase(
        "the first and the last are right equally often, so more photos need not help",
        "le premier et le dernier ont raison aussi souvent l’un que l’autre : davantage de photos n’aideraient pas "
        "forcément",
    ),
    "stability.nothing": Phrase(
        "Nothing was chosen, so there is no choice to try again.",
        "Rien n’a été retenu : il n’y a pas de choix à remettre à l’épreuve.",
    ),
    "stability.only_one": Phrase(
        "{winner} is the only eligible candidate: there was nothing to choose between.",
        "{winner} est le seul candidat admissible : il n’y avait pas à choisir.",
    ),
    "stability.speed": Phrase(
        "{winner} is chosen by throughput: what other test photos would change was not simulated.",
        "{winner} est retenu pour son débit : ce que changeraient d’autres photos de test n’a pas été simulé.",
    ),
    "stability.auc_too_many": Phrase(
        "How sure the choice is was not simulated: ROC-AUC on {n:,d} test photos takes too long.",
        "La sûreté du choix n’a pas été simulée : le ROC-AUC sur {n:,d} photos de test prendrait trop de temps.",
    ),
    "stability.always": Phrase(
        "Had the test photos been drawn differently ({n:,d} draws with replacement), {winner} would be chosen in every "
        "draw.",
        "Si les photos de test avaient été tirées autrement ({n:,d} tirages avec remise), {winner} serait retenu à "
        "chaque tirage.",
    ),
    "stability.share": Phrase(
        "Had the test photos been drawn differently ({n:,d} draws with replacement), {winner} would be chosen in "
        "{share} of the draws, {other} in {second}.",
        "Si les photos de test avaient été tirées autrement ({n:,d} tirages avec remise), {winner} serait retenu dans "
        "{share} des tirages, {other} dans {second}.",
    ),
    "share.under": Phrase("less than 1\u00a0%", "moins de 1\u00a0%"),
    "share.over": Phrase("more than 99\u00a0%", "plus de 99\u00a0%"),
}
