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
        "{candidate} beats {against} by {points} points (95 % CI {low} to {high}, {p})",
        "{candidate} dépasse {against} de {points} points (IC à 95 % : {low} à {high}, {p})",
    ),
    "pair.worse": Phrase(
        "{candidate} is {points} points behind {against} (95 % CI {low} to {high}, {p})",
        "{candidate} est {points} points derrière {against} (IC à 95 % : {low} à {high}, {p})",
    ),
    "pair.undecided": Phrase(
        "{candidate} and {against} cannot be told apart with {n} test photos ({points} points, 95 % CI {low} to "
        "{high}, corrected {p}); about {needed} would be needed",
        "{candidate} et {against} ne peuvent être départagés avec {n} photos de test ({points} points, IC à 95 % : "
        "{low} à {high}, {p} après correction) ; il en faudrait environ {needed}",
    ),
    "pair.equal": Phrase(
        "{candidate} and {against} cannot be told apart with {n} test photos: each is right where the other is wrong "
        "equally often ({p})",
        "{candidate} et {against} ne peuvent être départagés avec {n} photos de test : chacun a raison là où l’autre "
        "se "
        "trompe, aussi souvent l’un que l’autre ({p})",
    ),
    "groups.too_few": Phrase(
        "Fewer than two candidates can be compared.", "Moins de deux candidats peuvent être comparés."
    ),
    "groups.none": Phrase(
        "All candidates can be told apart with {n:,d} test photos.",
        "Tous les candidats se distinguent avec {n:,d} photos de test.",
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
        "{winner} is the only eligible candidate, so other test photos would not change the choice.",
        "{winner} est le seul candidat admissible : d’autres photos de test ne changeraient pas le choix.",
    ),
    "stability.speed": Phrase(
        "{winner} is chosen by throughput, which does not depend on the test photos.",
        "{winner} est retenu pour son débit, qui ne dépend pas des photos de test.",
    ),
    "stability.auc_too_many": Phrase(
        "How sure the choice is was not simulated: ROC-AUC on {n:,d} test photos takes too long.",
        "La sûreté du choix n’a pas été simulée : le ROC-AUC sur {n:,d} photos de test prendrait trop de temps.",
    ),
    "stability.always": Phrase(
        "With other test photos of the same kind, {winner} would be chosen every time.",
        "Avec d’autres photos de test du même genre, {winner} serait retenu à chaque fois.",
    ),
    "stability.share": Phrase(
        "With other test photos of the same kind, {winner} would be chosen {share} of the time; {other} comes second "
        "with "
        "{second}.",
        "Avec d’autres photos de test du même genre, {winner} serait retenu dans {share} des cas ; {other} vient "
        "ensuite "
        "avec {second}.",
    ),
}
