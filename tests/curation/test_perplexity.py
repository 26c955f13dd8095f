"""Perplexity against a direct forward pass of one text."""

import pytest

from curation.perplexity import load_scorer, perplexities, scorer_version


@pytest.fixture(scope="module")
def scorer(tiny_model):
    return load_scorer(str(tiny_model))


def direct(text, scorer):
    """The model's own loss on one text alone."""
    import torch

    ids = torch.tensor([scorer.tokenizer(text)["input_ids"]])
    with torch.inference_mode():
        return scorer.model(input_ids=ids, labels=ids).loss.exp().item()


def test_batched_perplexities_equal_a_direct_forward_of_each_text(scorer):
    texts = ["w1 w2 w3", "w4 " * 30, "w5 w6", "w7 w8 w9 w7 w8 w9 w10 w11"]
    assert perplexities(texts, scorer) == pytest.approx([direct(text, scorer) for text in texts], rel=1e-4)


def test_the_figure_hardly_depends_on_the_batch(scorer):
    texts = [f"w{number} w2 {'w3 ' * number}" for number in range(1, 50)]
    assert perplexities(texts, scorer)[::-1] == perplexities(texts[::-1], scorer)
    assert perplexities(texts[:1], scorer) == pytest.approx(perplexities(texts, scorer)[:1], rel=1e-4)


def test_a_text_of_one_token_has_none(scorer):
    assert perplexities(["", "w1", "w1 w2"], scorer)[:2] == [None, None]
    assert perplexities([], scorer) == []


def test_a_text_beyond_the_context_counts_with_what_fits(scorer):
    long = " ".join(f"w{1 + number % 63}" for number in range(200))
    assert perplexities([long], scorer) == perplexities([" ".join(long.split()[:64])], scorer)


def test_the_version_names_the_contents_of_the_model(tiny_model):
    assert scorer_version(str(tiny_model)).startswith("perplexity-1 transformers ")
