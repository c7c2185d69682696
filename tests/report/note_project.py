"""A finished fake study as a whole project folder: params.yaml, data/, runs/, and reports/ from a real comparison."""

import json
from pathlib import Path

import yaml

from bakeoff.core.section import validate_section
from bakeoff.decision.params import CompareParams
from bakeoff.report.run import ReportInputs, compare
from decision.fake_study import speed_file, write_study
from records_made import audit_record

ROOT = Path(__file__).resolve().parents[2]
AUDIT = audit_record(
    n_read=1105,
    n_accepted=1050,
    n_rejected=55,
    rejected={"unreadable": 5, "duplicate_image": 50},
    per_class={
        "animals": 300,
        "clothes": 150,
        "food": 150,
        "household": 150,
        "plants": 150,
        "town": 100,
        "vehicles": 50,
    },
)


def write_project(root: Path, **study) -> Path:
    """Write everything that `bakeoff note` reads and return the project's folder."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["compare"]["n_bootstrap"] = 500
    found = write_study(root / "runs", evidence=False, **study)
    params |= found.lists.model_dump()
    (root / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    AUDIT.write(root / "data" / "audit" / "audit.json")
    section = validate_section(CompareParams, params["compare"], where="params.yaml")
    inputs = ReportInputs(speed_file=speed_file(root / "runs"))
    compare(root / "runs", root / "reports", study=found, params=section, inputs=inputs)
    assert json.loads((root / "reports" / "choice.json").read_text())["best"]
    return root
