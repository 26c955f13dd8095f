"""Plain data crosses from process to process unchanged, and leaves a program's own behaviour behind."""

import json
import math
from collections import Counter, OrderedDict, deque
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.verifiers.sandbox_values import decode, describe, encode, rebuild, restore

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
SCALARS |= st.complex_numbers(allow_nan=False) | st.fractions() | st.decimals(allow_nan=False)
HASHABLE = st.recursive(SCALARS, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=5)
VALUES = st.recursive(
    HASHABLE | st.sets(HASHABLE, max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(HASHABLE, inner, max_size=3),
    max_leaves=10,
)


def travelled(value):
    return decode(json.loads(json.dumps(encode(value, _refuse))), _refuse)


def _refuse(*args):
    raise AssertionError(args)


@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_plain_data_arrives_as_it_left(value):
    arrived = travelled(value)
    assert arrived == value and type(arrived) is type(value)


def test_numbers_without_a_json_form_arrive():
    assert math.isnan(travelled(float("nan")))
    assert travelled([float("inf"), -0.0, 10**30]) == [float("inf"), -0.0, 10**30]
    assert travelled(1 << 100_000) == 1 << 100_000
    assert travelled((deque([1]), Fraction(1, 3), Decimal("1.10"), int)) == (
        deque([1]),
        Fraction(1, 3),
        Decimal("1.10"),
        int,
    )


def test_subclasses_leave_their_overrides_behind():
    class Equal(int):
        def __eq__(self, other):
            return True

        __hash__ = None

    class Items(list):
        def __iter__(self):
            return iter([9])

    color = IntEnum("Color", "RED")
    assert travelled(Equal(3)) != 4
    assert travelled(Items([1])) == [1]
    assert travelled([color.RED, Counter("aab"), OrderedDict(a=1), NamedTuple("P", [("x", int)])(7)]) == [
        1,
        {"a": 2, "b": 1},
        {"a": 1},
        (7,),
    ]


def test_other_objects_are_left_to_the_caller():
    assert encode([1, object], other=repr) == [1, {"type": "object"}]
    assert encode([iter(())], other=lambda value: {"mine": 0}) == [{"mine": 0}]
    assert decode({"new": ["os", "system", "true"]}, other=lambda name, content: (name, content[0])) == ("new", "os")


def test_a_changed_argument_gets_its_new_content():
    numbers, names = [3, 1], {"a": 1}
    restore(numbers, [1, 3])
    restore(names, {"b": 2})
    assert (numbers, names) == ([1, 3], {"b": 2})


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ValueError("no"), ValueError, "no"),
        (KeyError(1), KeyError, "1"),
        (OSError(2, "No such file"), FileNotFoundError, "[Errno 2] No such file"),
        (type("Own", (LookupError,), {"__str__": lambda self: 1 / 0})("k"), LookupError, "k"),
        (SystemExit(0), RuntimeError, "SystemExit: 0"),
        (type("Exception", (BaseException,), {})(), RuntimeError, "Exception: "),
    ],
)
def test_exceptions_arrive_as_their_builtin_class(error, kind, text):
    arrived = rebuild(*describe(error))
    assert type(arrived) is kind and str(arrived) == text
