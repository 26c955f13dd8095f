"""Examples: which tokens are targets, what is dropped, and what a template must do."""

import pyarrow as pa
import pytest

from curation import tables
from curation.errors import DataError
from schemas.table import Column, Table
from train import tokenizer as tokenizers
from train.examples import IGNORED, SCHEMA, build, tokens
from train.releases import open_release, samples

SAMPLES = Table(
    "samples",
    "one row per sample",
    ("sample_id",),
    (
        Column("sample_id", pa.string(), ""),
        Column("category", pa.string(), ""),
        Column("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])), ""),
        Column("response", pa.string(), ""),
    ),
)
MULTI_TURN = [
    {"role": "user", "content": "2 + 2?"},
    {"role": "assistant", "content": "4"},
    {"role": "user", "content": "And 1 more?"},
]


@pytest.fixture
def tokenizer(project, con):
    return tokenizers.train(samples(open_release("sums"), "train", con), vocabulary=320, max_tokens=256)


def rows(con, *given):
    return tables.from_rows(
        con,
        [
            {
                "sample_id": f"s{place}",
                "category": category,
                "messages": [{"role": "user", "content": "2 + 2?"}],
                "response": text,
            }
            for place, (category, text) in enumerate(given)
        ],
        SAMPLES,
    )


def spelled(tokenizer, found):
    """Tokens as text; those that are targets in brackets. docs/train.md shows the same."""
    words = [tokenizer.decode([token]) for token in found.input_ids]
    return "".join(f"[{word}]" if target else word for word, target in zip(words, found.trained, strict=True))


def test_only_the_last_turn_and_its_end_are_targets(tokenizer):
    found = tokens(MULTI_TURN, "5", tokenizer, system="Be brief.")
    assert spelled(tokenizer, found) == (
        "<|system|>Be brief.<|end|><|user|>2 + 2?<|end|><|assistant|>4<|end|><|user|>And 1 more?<|end|><|assistant|>[5][<|end|>]"
    )
    assert found.labels[-2:] == found.input_ids[-2:]
    assert set(found.labels[:-2]) == {IGNORED}


def test_digits_stand_alone_and_any_text_comes_back(tokenizer):
    ids = tokenizer.encode("1234 = 12\n求 x")
    assert [tokenizer.decode([token]) for token in ids[:4]] == ["1", "2", "3", "4"]
    assert tokenizer.decode(ids) == "1234 = 12\n求 x"


def test_too_long_and_empty_samples_are_dropped_and_counted_never_cut(con, tokenizer):
    given = rows(con, ("math", "4"), ("math", "4 " * 90), ("math", "  "), ("chat", "four"))
    found = build(given, tokenizer, system=None, max_tokens=40, upsample={"chat": 3})
    assert found.dropped == {"too_long": 1, "empty_response": 1}
    assert (found.num_samples, found.num_repeats) == (4, 2)
    assert found.rows.schema == SCHEMA
    assert found.rows["sample_id"].to_pylist() == ["s0", "s3", "s3", "s3"]
    whole = tokens([{"role": "user", "content": "2 + 2?"}], "four", tokenizer)
    assert found.rows["input_ids"].to_pylist()[1:] == [whole.input_ids] * 3


def test_no_example_left_says_why(con, tokenizer):
    with pytest.raises(DataError, match=r"no example is left of 1 samples \(too_long 1\); max_tokens is 2"):
        build(rows(con, ("math", "4")), tokenizer, system=None, max_tokens=2, upsample={})


def test_a_template_that_rewrites_or_does_not_end_a_turn_is_refused(con, tokenizer):
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['content'] }}{% endfor %}{% if add_generation_prompt %}?{% endif %}"
    )
    with pytest.raises(DataError, match=r"sample s0: .*does not begin with its prompt.*base\.chat_template"):
        build(rows(con, ("math", "4")), tokenizer, system=None, max_tokens=99, upsample={})
    # As templates of reasoning models do.
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'].split('</think>')[-1] + eos_token }}{% endfor %}"
    with pytest.raises(DataError, match="does not write the whole answer; some take out the thinking"):
        tokens(MULTI_TURN, "<think>4 + 1</think>\n5", tokenizer)
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    with pytest.raises(DataError, match=r"writes no <\|end\|> behind the answer"):
        tokens(MULTI_TURN, "5", tokenizer)


def test_a_prompt_that_no_user_ends_is_refused(tokenizer):
    with pytest.raises(DataError, match="needs an assistant's answer to a user's turn; the prompt ends with assistant"):
        tokens(MULTI_TURN[:2], "5", tokenizer)


def test_a_vocabulary_without_room_for_the_bytes_is_refused(project, con):
    with pytest.raises(DataError, match="vocabulary is 100; 256 bytes and 5 special tokens need 261"):
        tokenizers.train(samples(open_release("sums"), "train", con), vocabulary=100, max_tokens=9)
