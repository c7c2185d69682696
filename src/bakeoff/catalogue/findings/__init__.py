"""What may be wrong in a catalogue: FINDINGS, each a function of all products that says which ones it flags."""

from bakeoff.catalogue.findings import outliers, products
from bakeoff.catalogue.findings.base import Finding

FINDINGS: dict[str, Finding] = {**outliers.FINDINGS, **products.FINDINGS}
