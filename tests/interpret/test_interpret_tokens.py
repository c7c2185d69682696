"""Words under encoders: Integrated Gradients that add up, of each token's own word, equal to a sum made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.backbones.text_encoder import TextEncoder
from bakeoff.interpret.tokens import token_shares
from bakeoff.interpret.words import weigh_words
from bakeoff.text.classify import LabelledTexts, TextClassifier
from bakeoff.text.encode import Encoders
from bakeoff.text.heads import LinearHead
from text_study import WORDS
from tiny_encoder import encoder_params, encoder_settings, save_encoder

pytestmark = pytest.mark.torch
TEXT = "sky ocean rose a sky"


def opened(tmp_path, name, seed=0, **changes):
    return TextEncoder.open(save_encoder(tmp_path / name, seed=seed), encoder_params(name, **changes))


def fitted(encoders, classifier=None):
    """A head that learnt which words are blue, green or red."""
    words = [(word, number) for number, label in enumerate(sorted(WORDS)) for word in WORDS[label].split()]
    texts = [f"{one} {other}" for one, number in words for other, same in words if number == same]
    labels = np.repeat(np.arange(3), 9)
    known = LabelledTexts(texts, labels, np.ones(len(texts), np.float32), 3)
    changes = {"classifier": classifier} if classifier else {}
    settings = encoder_settings({"tiny": encoder_params("tiny")}, **changes)
    return TextClassifier.fit(known, settings, seed=0, encoders=Encoders(encoders))


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("classifier", [None, {"name": "sgd_logistic", "alpha": 0.05, "max_iter": 1000}])
def test_the_shares_add_up_to_the_difference_to_a_text_of_padding(tmp_path, pooling, classifier):
    encoder = opened(tmp_path, "one", pooling=pooling, prefix="query: ")
    model = fitted([encoder, opened(tmp_path, "two", seed=1)], classifier)
    padding = " ".join([encoder.tokenizer.pad_token] * len(TEXT.split()))
    totals = []
    for label_id in range(3):
        words, gap = weigh_words(model, TEXT, label_id, steps=50)
        assert [word for word, _ in words] == TEXT.split()
        here, there = np.log(model.probabilities([TEXT, padding]).astype(float))[:, label_id]
        total = sum(value for _, value in words)
        assert total == pytest.approx(here - there, abs=0.005)  # half the tolerance that docs/interpretation.md states
        assert abs(gap) < 0.01
        totals.append(abs(total))
    assert max(totals) > 0.05
    rough = weigh_words(model, TEXT, 0, steps=1).gap
    assert abs(rough) > abs(weigh_words(model, TEXT, 0, steps=50).gap)


def test_the_shares_are_those_of_a_sum_made_by_hand(tmp_path):
    import torch

    encoder = opened(tmp_path, "one")
    model = fitted([encoder])
    tokens = encoder.tokenizer(TEXT, return_tensors="pt")
    embed, head = encoder.network.get_input_embeddings(), model.head.arrays
    ends = embed(tokens["input_ids"])
    start = ends.clone()
    start[0, 1:-1] = embed(torch.tensor(encoder.tokenizer.pad_token_id))
    total, n = torch.zeros_like(ends), 400
    for step in range(n):
        at = (start + (step + 0.5) / n * (ends - start)).requires_grad_()
        states = encoder.network(inputs_embeds=at, attention_mask=tokens["attention_mask"]).last_hidden_state
        vector = torch.nn.functional.normalize(states.mean(dim=1)).double()
        scores = vector @ torch.tensor(head["coefficients"]).double().T + torch.tensor(head["intercepts"]).double()
        total += torch.autograd.grad(torch.log_softmax(scores, dim=1)[0, 2], at)[0] / n
    expected = ((ends - start) * total).sum(dim=2)[0, 1:-1]
    found, _ = token_shares([encoder], model.head, TEXT, 2, steps=50)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-3)


def test_a_words_tokens_are_joined_and_what_is_cut_off_has_no_share(tmp_path):
    from tokenizers import pre_tokenizers

    encoder = opened(tmp_path, "one")
    model = fitted([encoder])
    encoder.tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()  # parts words at signs, too
    whole, _ = token_shares([encoder], model.head, "sky-ocean  rose", 0, steps=50)
    encoder.tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    apart, _ = token_shares([encoder], model.head, "sky - ocean  rose", 0, steps=50)
    assert whole.tolist() == pytest.approx([apart[:3].sum(), apart[3]], abs=1e-5)
    short = opened(tmp_path, "one", max_tokens=4)
    cut, _ = token_shares([short], model.head, "sky ocean rose", 0, steps=50)
    assert cut[2] == 0
    assert all(cut[:2])


def test_encoders_under_a_forest_are_asked_without_each_word(tmp_path):
    model = fitted([opened(tmp_path, "one")], {"name": "random_forest", "n_trees": 10, "max_depth": None})
    assert not isinstance(model.head, LinearHead)
    words, gap = weigh_words(model, "sky rose", 0, steps=50)
    whole, without = np.log(model.probabilities(["sky rose", "rose"]).astype(float))[:, 0]
    assert gap is None
    assert words[0][1] == pytest.approx(whole - without)
