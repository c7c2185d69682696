"""What a licence code allows, as far as it says so itself. Loads no framework."""

MAMBAVISION_CODE = "NVIDIA Source Code License-NC"
MAMBAVISION_WEIGHTS = "CC-BY-NC-SA-4.0"
TIMM_CODE = "Apache-2.0"
UNKNOWN = "unknown"

_SPELLINGS = {
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "bsd-3-clause": "BSD-3-Clause",
    "cc-by-4.0": "CC-BY-4.0",
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "cc-by-nc-sa-4.0": "CC-BY-NC-SA-4.0",
    "cvnets-license": "Apple CVNets licence",
    "apple-ascl": "Apple sample code licence",
    "apple-amlr": "Apple machine learning research licence",
}
_COMMERCIAL: dict[str, bool] = {
    "apache-2.0": True,
    "mit": True,
    "bsd-3-clause": True,
    "cc-by-4.0": True,
    "cc-by-nc-4.0": False,
    "cc-by-nc-sa-4.0": False,
    "fair-noncommercial-research-license": False,
    "apple-amlr": False,
}


def licence_name(code: str | None) -> str:
    """Return the licence's usual spelling; `unknown` where the model card states none."""
    return _SPELLINGS.get(code, code) if code else UNKNOWN


def allows_commercial_use(code: str | None) -> bool | None:
    """Return True or False where the licence says so plainly, None where one must read it."""
    return _COMMERCIAL.get((code or "").lower())
