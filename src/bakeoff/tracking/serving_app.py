"""MLflow's own scoring server for one model, which takes a photo's raw bytes as well; a script of its own.

    python -P serving_app.py --model models:/bakeoff/3 --port 5001

It imports nothing of bakeoff: the logged model brings the code it was trained with, and .venv-tf has no other.
"""

import argparse
import base64
import json
import warnings
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope, Send

HOST = "127.0.0.1"
_PATH = "/invocations"
_RAW = ("image/", "application/octet-stream")


class RawPhotos:
    """Turns POST /invocations with a photo's bytes into the JSON request that MLflow's server understands.

    `?top_k=3` in the address becomes the model's parameter of that name.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, rewritten where its content type says that it is a photo."""
        if not _is_photo(scope):
            await self._app(scope, receive, send)
            return
        try:
            photo = await Request(scope, receive).body()
        except ClientDisconnect:
            return
        body = as_json(photo, scope.get("query_string", b""))
        kept = [pair for pair in scope["headers"] if pair[0].lower() not in {b"content-type", b"content-length"}]
        headers = [*kept, (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive_json() -> Message:
            return next(messages, None) or await receive()  # then the client's disconnect

        await self._app({**scope, "headers": headers}, receive_json, send)


def as_json(photo: bytes, query: bytes) -> bytes:
    """Return MLflow's `dataframe_split` request for one photo, with the query's `top_k` among its params."""
    image = base64.b64encode(photo).decode("ascii")
    request: dict[str, Any] = {"dataframe_split": {"columns": ["image"], "data": [[image]]}}
    top_k = parse_qs(query.decode("latin-1")).get("top_k")
    if top_k:
        request["params"] = {"top_k": int(top_k[0]) if top_k[0].lstrip("-").isdecimal() else top_k[0]}
    return json.dumps(request).encode()


def _is_photo(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["path"] != _PATH or scope["method"] != "POST":
        return False
    return Headers(scope=scope).get("content-type", "").lower().startswith(_RAW)


def make_app(model_uri: str) -> Any:
    """Return the ASGI application: /ping, /health, /version, /invocations; foreign Host headers are refused."""
    import mlflow.pyfunc
    from mlflow.pyfunc import scoring_server
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of its own type hints
        app = scoring_server.init(mlflow.pyfunc.load_model(model_uri))
    return TrustedHostMiddleware(RawPhotos(app), allowed_hosts=[HOST, "localhost"])


def main() -> None:
    """Load the model and serve it."""
    import uvicorn

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="models:/<name>/<version> or models:/<model id>")
    parser.add_argument("--port", type=int, required=True)
    args = parser.parse_args()
    uvicorn.run(make_app(args.model), host=HOST, port=args.port, log_level="warning")


if __name__ == "__main__":
    main()
