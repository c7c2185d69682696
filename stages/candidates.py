"""Write the full settings of every backbone in the study and the recipe of every candidate, and tidy runs/.

Command: python stages/candidates.py --out data/candidates --recipes data/recipes --runs runs
Expected: 10 s, most of it importing timm. Result: data/candidates/<model>.json, data/recipes/<model>-<mode>.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bakeoff.backbones.candidates import candidates_table, write_candidates
from bakeoff.backbones.params import StudyBackbones
from bakeoff.core.errors import exit_cleanly
from bakeoff.core.progress import screen
from bakeoff.core.section import load_section, load_top
from bakeoff.learning.recipe import TrainingParams, write_recipes
from bakeoff.text.params import StudyTexts


def main() -> None:
    """Read the flags and the study, write the files, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    for name in ("out", "recipes", "runs"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    with exit_cleanly():
        study, training = load_top(args.params, StudyBackbones), load_section(args.params, TrainingParams)
        own = {model: study.own_training(model) for model in study.models}
        write_recipes(own, study.modes, training, args.recipes)
        screen().print(candidates_table(write_candidates(study, args.out, args.runs)))
        load_top(args.params, StudyTexts).write_text_models(training, args.out)


if __name__ == "__main__":
    main()
