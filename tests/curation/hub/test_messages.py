"""Bodies as they come over a connection."""

import io
from email.message import Message

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.hub.messages import RefusalError, body_of, refusal_answer


def headers(**values):
    message = Message()
    for name, value in values.items():
        message[name.replace("_", "-")] = value
    return message


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(min_size=1)), st.binary())
def test_chunks_and_lengths_give_the_same_bytes(pieces, following):
    """Nothing is read of the request that follows."""
    whole = b"".join(pieces)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    counted, chunked = io.BytesIO(whole + following), io.BytesIO(chunks + following)
    assert body_of(counted, headers(Content_Length=str(len(whole)))).read() == whole
    assert body_of(chunked, headers(Transfer_Encoding="chunked")).read() == whole
    assert counted.read() == chunked.read() == following


@pytest.mark.parametrize("sent", [b"", b"5\r\nabc", b"x\r\nabc\r\n", b"-3\r\nabc", b"3\r\nabc\r\n"])
def test_chunks_that_end_too_early_are_refused(sent):
    with pytest.raises(RefusalError) as refused:
        body_of(io.BytesIO(sent), headers(Transfer_Encoding="chunked")).read()
    assert refused.value.status == 400


@pytest.mark.parametrize("length", ["-1", "a", "1.5", "٣"])
def test_a_length_is_a_number(length):
    with pytest.raises(RefusalError, match="Content-Length is a number"):
        body_of(io.BytesIO(b"abc"), headers(Content_Length=length))


def test_a_refusal_has_no_more_headers_than_it_says():
    answer = refusal_answer(RefusalError(400, "no\r\nSet-Cookie: ü", code="EntryNotFound"))
    assert dict(answer.headers)["X-Error-Message"] == "no??Set-Cookie: ?"
