"""Texts in another language: by a web service and by a local model, both real, and what happens where they fail."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.core.errors import ParamsError, TrainingError
from bakeoff.records.text import TranslationParams
from bakeoff.text.translate import blocks, translated

pytestmark = pytest.mark.torch
ENGLISH = "A wooden chair with four legs and a comfortable cushion for the kitchen."
FRENCH = "Une chaise en bois avec quatre pieds et un coussin confortable pour la cuisine."


class Service(BaseHTTPRequestHandler):
    """Answers in capitals, as a LibreTranslate server would in French; refuses what has `broken` in it."""

    asked: list[dict[str, str]]

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(request)
        is_broken = "broken" in request["q"]
        self.send_response(500 if is_broken else 200)
        self.end_headers()
        self.wfile.write(b"{}" if is_broken else json.dumps({"translatedText": request["q"].upper()}).encode())

    def log_message(self, *_):
        """Keep the test's output quiet."""


@pytest.fixture
def service():
    handler = type("Handler", (Service,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/translate", handler.asked
    server.shutdown()
    server.server_close()


def params(**changes) -> TranslationParams:
    known = {"to": "fr", "service": "web", "model": None, "url": None, "block": 4900}
    return TranslationParams.model_validate(known | {"licence": "AGPL-3.0", "commercial_use": None} | changes)


def test_what_is_foreign_is_translated_once_and_french_and_unknown_texts_stay(service, tmp_path):
    url, asked = service
    texts = [ENGLISH, FRENCH, "", "xyz 123", ENGLISH]
    found = translated(texts, params(url=url), tmp_path)
    assert found == [ENGLISH.upper(), FRENCH, "", "xyz 123", ENGLISH.upper()]
    assert [(one["source"], one["target"]) for one in asked] == [("en", "fr")]
    assert translated(texts, params(url=url), tmp_path) == found
    assert len(asked) == 1, "kept from the first time"


def test_a_block_that_fails_keeps_its_original_and_is_counted(service, tmp_path, capfd):
    url, _ = service
    broken = ENGLISH.replace("wooden", "broken")
    assert translated([ENGLISH, broken], params(url=url), tmp_path) == [ENGLISH.upper(), broken]
    assert "1 of 2 blocks keep their original (HTTPError: HTTP Error 500" in capfd.readouterr().err


def test_a_service_that_never_answers_is_told(tmp_path):
    with pytest.raises(TrainingError, match=r"no text could be translated \(URLError.*text.translation"):
        translated([ENGLISH], params(url="http://127.0.0.1:9/translate"), tmp_path)


def test_a_key_goes_to_the_service_and_nowhere_else(service, tmp_path, monkeypatch):
    url, asked = service
    monkeypatch.setenv("BAKEOFF_TRANSLATION_KEY", "secret")
    translated([ENGLISH], params(url=url), tmp_path)
    assert asked[0]["api_key"] == "secret"
    assert all(b"secret" not in path.read_bytes() for path in tmp_path.iterdir())


def test_a_line_that_a_kill_cut_short_is_asked_again(service, tmp_path):
    url, asked = service
    translated([ENGLISH], params(url=url), tmp_path)
    (file,) = tmp_path.glob("*.jsonl")
    file.write_text(file.read_text(encoding="utf-8")[:20], encoding="utf-8")
    assert translated([ENGLISH], params(url=url), tmp_path) == [ENGLISH.upper()]
    assert len(asked) == 2
    assert translated([ENGLISH], params(url=url), tmp_path) == [ENGLISH.upper()]
    assert len(asked) == 2


def test_without_a_translator_the_variant_is_refused(tmp_path):
    with pytest.raises(ParamsError, match=r"set text\.translation\.service to local or web"):
        translated([ENGLISH], params(service=None), tmp_path)
    with pytest.raises(ValueError, match="service local needs model"):
        params(service="local")


@given(st.text(alphabet="ab .\n", max_size=200), st.integers(1, 30))
def test_blocks_make_up_the_text(text, size):
    parts = blocks(text, size)
    assert "".join(parts) == text
    assert all(len(part) <= size for part in parts)


def test_blocks_end_after_sentences_if_they_can():
    assert blocks("One two. Three four five.", 12) == ["One two. ", "Three four ", "five."]


def test_a_local_model_translates(tmp_path):
    """A network of random numbers in the hub's form: what it says is no French, but it says it each time."""
    from bakeoff.backbones.compat import import_transformers

    import_transformers()
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    words = {word: number for number, word in enumerate(["<pad>", "</s>", "<unk>", *ENGLISH.split(), "chaise", "bois"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    marks = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks).save_pretrained(tmp_path / "opus-en-fr")
    sizes = {"d_model": 16, "d_ff": 16, "d_kv": 4, "num_layers": 1, "num_heads": 2, "decoder_start_token_id": 0}
    T5ForConditionalGeneration(T5Config(vocab_size=len(words), **sizes)).save_pretrained(tmp_path / "opus-en-fr")
    local = params(service="local", model=str(tmp_path / "opus-{source}-{to}"))
    (first,) = translated([ENGLISH], local, tmp_path / "first")
    (second,) = translated([ENGLISH], local, tmp_path / "second")
    assert first == second != ENGLISH
    with pytest.raises(TrainingError, match="no text could be translated"):
        translated([ENGLISH], params(service="local", model=str(tmp_path / "none")), tmp_path / "third")


def test_every_line_end_of_unicode_is_kept_and_nothing_is_asked_twice(service, tmp_path):
    url, asked = service
    text = f"{ENGLISH}\u2028{ENGLISH}\x85{ENGLISH}"
    found = translated([text], params(url=url), tmp_path)
    assert translated([text], params(url=url), tmp_path) == found == [text.upper()]
    assert len(asked) == 1


def test_a_language_that_the_service_does_not_have_costs_no_other(service, tmp_path):
    url, asked = service
    broken = [f"{ENGLISH} This is broken number {n}, very much so." for n in range(9)]
    german = "Ein hölzerner Stuhl mit vier Beinen und einem bequemen Kissen für die Küche."
    found = translated([*broken, german], params(url=url), tmp_path)
    assert found == [*broken, german.upper()]
    assert len(asked) == 6, "five failures of a language are enough"
