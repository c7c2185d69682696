"""What may be wrong in a catalogue: FINDINGS, each a function of all products that says which ones it flags."""

from bakeoff.catalogue.findings.rules import FINDINGS

__all__ = ["FINDINGS"]
