"""The error for a name that nobody knows: near matches first, then where the legal ones are."""

import difflib
from collections.abc import Sequence

from bakeoff.core.errors import ParamsError

_MAX_LISTED = 15


def unknown_name(what: str, name: str, legal: Sequence[str]) -> ParamsError:
    """Return the error that says which names are near `name`, and the legal ones (all where they are few)."""
    near = difflib.get_close_matches(name, legal, n=5, cutoff=0.6)
    message = f"unknown {what} {name!r}"
    if near:
        message += f"; did you mean {', '.join(near)}?"
    if len(legal) <= _MAX_LISTED:
        message += f" Legal names: {', '.join(sorted(legal))}."
    elif not near:
        message += f"; {len(legal)} names are known, the first of them {', '.join(sorted(legal)[:3])}."
    return ParamsError(message)
