"""Get one backbone's pretrained weights, or record a random start with its reason; or a text model's encoders.

Command: python stages/weights.py --candidate data/candidates/mamba_t.json --out weights/mamba_t
         python stages/weights.py --text-model data/candidates/minilm.json --out weights/minilm
         python stages/weights.py --baseline --out weights/baseline_tf
Expected: seconds plus the download (MambaVision-T 127 MB). Result: record.json, and the file where one was found.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bakeoff.backbones.params import WeightsParams
from bakeoff.core.errors import exit_cleanly
from bakeoff.core.section import load_section
from bakeoff.learning.params import BaselineParams
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.text import TextSettings
from bakeoff.weights.baseline import fetch_baseline_weights
from bakeoff.weights.fetch import fetch_weights
from bakeoff.weights.texts import fetch_text_weights


def main() -> None:
    """Read the flags, get the weights, print one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--candidate", type=Path)
    what.add_argument("--text-model", type=Path)
    what.add_argument("--baseline", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with exit_cleanly():
        params = load_section(args.params, WeightsParams)
        if args.baseline:
            record = fetch_baseline_weights(params, load_section(args.params, BaselineParams), args.out)
        elif args.text_model:
            record = fetch_text_weights(TextSettings.read(args.text_model), params, args.out)
        else:
            record = fetch_weights(CandidateSettings.read(args.candidate), params, args.out)
        sys.stdout.write(f"{record.model}: {record.source}, {record.url_or_id}, licence {record.licence}\n")


if __name__ == "__main__":
    main()
