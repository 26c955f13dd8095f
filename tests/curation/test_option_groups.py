"""Options tell of the group before them."""

import argparse

import pytest

from curation.option_groups import OfItsOwn


@pytest.fixture
def parser():
    made = argparse.ArgumentParser()
    for name, dest in (("--source", "source.path"), ("--licence", "source.licence"), ("--benchmark", "benchmark.path")):
        made.add_argument(name, dest=dest, action=OfItsOwn)
    return made


def test_each_group_gets_the_options_after_its_path(parser):
    words = "--source a --licence MIT --benchmark q --source b"
    found = parser.parse_args(words.split())
    assert found.source == [{"path": "a", "licence": "MIT"}, {"path": "b"}]
    assert found.benchmark == [{"path": "q"}]


def test_a_parser_keeps_nothing_from_one_line_to_the_next(parser):
    assert parser.parse_args(["--source", "a"]).source == parser.parse_args(["--source", "a"]).source


def test_an_option_before_its_group_is_refused(parser, capsys):
    with pytest.raises(SystemExit):
        parser.parse_args(["--licence", "MIT", "--source", "a"])
    assert "--licence stands after the --source that it tells of" in capsys.readouterr().err
