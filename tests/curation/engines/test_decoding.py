"""Drawing tokens and moving rows, against slow and plain ways to do the same."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.engines.decoding import close_gaps, draw, seeded_row
from curation.engines.protocol import Sampling
from curation.engines.rows_cache import RowsCache


def naive_draw(logits: list[float], aim: float, sampling: Sampling) -> int:
    """Sort, cut at top_p, walk until the draw is passed."""
    weights = (torch.tensor(logits) / sampling.temperature).softmax(0).tolist()
    ranked = sorted(range(len(weights)), key=lambda token: -weights[token])
    kept, held = [], 0.0
    for token in ranked:
        if held < sampling.top_p:
            kept.append(token)
            held += weights[token]
    walked = 0.0
    for token in kept:
        walked += weights[token]
        if aim * held < walked:
            return token
    return kept[-1]


@given(
    st.lists(st.integers(-40, 40), min_size=2, max_size=300, unique=True),
    st.floats(0.001, 0.999),
    st.floats(0.3, 2),
    st.floats(0.05, 0.99),
)
@settings(max_examples=50, deadline=None)
def test_a_draw_is_that_of_the_naive_walk(logits, aim, temperature, top_p):
    sampling = Sampling(temperature=temperature, top_p=top_p)
    values = [value / 8 for value in logits]
    assert draw(torch.tensor([values]), [aim], sampling).item() == naive_draw(values, aim, sampling)


def test_flat_probabilities_are_cut_beyond_the_first_look():
    logits = torch.arange(2000, 0, -1)[None] / 1e5
    drawn = {draw(logits, [aim / 1000], Sampling(temperature=1, top_p=0.5)).item() for aim in range(1000)}
    assert 980 < max(drawn) < 1010


def test_draws_have_the_shares_of_the_probabilities():
    logits = torch.tensor([[0.5, 0.3, 0.2]]).log().repeat(3000, 1)
    drawn = draw(logits, seeded_row((1,), seed=7, max_tokens=3000).draws, Sampling(temperature=1, top_p=1))
    shares = drawn.bincount(minlength=3) / 3000
    assert torch.allclose(shares, torch.tensor([0.5, 0.3, 0.2]), atol=0.03)


def test_no_token_outside_the_nucleus_is_drawn_at_the_end_of_the_range():
    logits = torch.tensor([[0.6, 0.4 - 1e-6, 1e-6]]).log()
    assert draw(logits, [1 - 2**-53], Sampling(temperature=1, top_p=0.9)).item() == 1


def test_a_seed_gives_the_same_draws_whatever_the_limit():
    assert seeded_row((1,), seed=2**62, max_tokens=50).draws[:9] == seeded_row((1,), seed=2**62, max_tokens=9).draws


@given(st.lists(st.booleans(), max_size=12))
@settings(max_examples=50, deadline=None)
def test_closing_gaps_keeps_every_row_once_and_moves_only_forward(keep):
    order = close_gaps(keep)
    assert sorted(order) == [slot for slot, stays in enumerate(keep) if stays]
    assert all(source >= slot for slot, source in enumerate(order))


def test_a_cache_holds_what_was_put_and_appended_in_rows_that_stay():
    cache = RowsCache(3, width=2)
    prompts = {0: [7.0], 1: [8.0, 9.0], 2: [5.0, 6.0]}
    for slot, states in prompts.items():
        layer = torch.tensor(states)[None, None, :, None]
        cache.put([slot], [(layer, -layer)])
    cache.keep([0, 2])
    for step in range(130):
        new = torch.full((2, 1, 1, 1), float(step))
        keys, values = cache.update(new, -new, 0)
    assert keys[:, 0, :2, 0].tolist() == [[0.0, 7.0], [5.0, 6.0]]
    assert keys[1, 0, 2:, 0].tolist() == [float(step) for step in range(130)]
    assert torch.equal(keys, -values)
    assert cache.get_seq_length() == 132
