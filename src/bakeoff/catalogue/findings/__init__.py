"""What may be wrong in a catalogue: FINDINGS, each of which looks at all products and names those that it flags."""

from bakeoff.catalogue.findings.base import Finding
from bakeoff.catalogue.findings.duplicates import ExactDuplicates, LabelConflicts, NearDuplicates, Placeholders
from bakeoff.catalogue.findings.outliers import OUTLIERS, Greyscale
from bakeoff.catalogue.findings.texts import (
    DuplicateTexts,
    MarkedUpTexts,
    MissingTexts,
    RareLanguages,
    TextConflicts,
)

FINDINGS: tuple[Finding, ...] = (
    *OUTLIERS,
    Greyscale(),
    ExactDuplicates(),
    NearDuplicates(),
    LabelConflicts(),
    Placeholders(),
    MissingTexts("missing_title", "title"),
    MissingTexts("missing_description", "description"),
    DuplicateTexts(),
    TextConflicts(),
    MarkedUpTexts(),
    RareLanguages(),
)
