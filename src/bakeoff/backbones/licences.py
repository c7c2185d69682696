"""What a licence code allows, as far as it says so itself. Loads no framework."""

MAMBAVISION_CODE = "NVIDIA Source Code License-NC"
MAMBAVISION_WEIGHTS = "CC-BY-NC-SA-4.0"
TIMM_CODE = "Apache-2.0"
UNKNOWN = "unknown"

_KNOWN: dict[str | None, tuple[str, bool | None]] = {
    "apache-2.0": ("Apache-2.0", True),
    "mit": ("MIT", True),
    "bsd-3-clause": ("BSD-3-Clause", True),
    "cc-by-4.0": ("CC-BY-4.0", True),
    "cc-by-nc-4.0": ("CC-BY-NC-4.0", False),
    "cc-by-nc-sa-4.0": ("CC-BY-NC-SA-4.0", False),
    "fair-noncommercial-research-license": ("fair-noncommercial-research-license", False),
    "cvnets-license": ("Apple CVNets licence", None),
    "apple-ascl": ("Apple sample code licence", None),
    "apple-amlr": ("Apple machine learning research licence", False),
}
"""By code: the usual spelling, and whether commercial use is allowed (None = one must read it)."""


def licence_name(code: str | None) -> str:
    """Return the licence's usual spelling; `unknown` where the model card states none."""
    return _KNOWN.get(code, (code or UNKNOWN, None))[0]


def allows_commercial_use(code: str | None) -> bool | None:
    """Return True or False where the licence says so plainly, None where one must read it."""
    return _KNOWN.get((code or "").lower(), (UNKNOWN, None))[1]
