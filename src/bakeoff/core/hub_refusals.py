"""Why the Hugging Face hub, or another server, gives no file: one of a few words, and what to do about each."""

from typing import Literal

Refusal = Literal["unauthorised", "gated", "rate_limited", "server_error", "unreachable", "html_page", "not_found"]
WHAT_TO_DO: dict[str, str] = {
    "unauthorised": "the server or a proxy refuses, or has no such repository: run `hf auth login`, or set HF_TOKEN",
    "gated": "access is refused: accept the terms on the repository's page and set HF_TOKEN to a token of that account",
    "rate_limited": "too many requests: wait some minutes, or set HF_TOKEN, which raises the limit",
    "server_error": "the server itself failed: wait and try again",
    "unreachable": "no answer: check the network, HTTPS_PROXY and HF_ENDPOINT, or take a copy on this machine",
}
"""Those that tell most first."""


def refusal(error: BaseException) -> Refusal:
    """Return why a server gives no file; a code of the hub's tells a gated repository, whatever the HTTP status."""
    from huggingface_hub.errors import GatedRepoError

    if isinstance(error, GatedRepoError):  # 401 without login
        return "gated"
    status = getattr(getattr(error, "response", None), "status_code", getattr(error, "code", None))  # None: no answer
    known: dict[int | None, Refusal] = {401: "unauthorised", 403: "unauthorised", 404: "not_found", 429: "rate_limited"}
    return known.get(status, "server_error" if status and status >= 500 else "unreachable")
