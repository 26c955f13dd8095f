"""The journal is on disk before a step begins, and of one release."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.journal import open_journal

PHASES = st.lists(st.sampled_from(["upload", "commit", "verify", "tag", "done"]), min_size=1)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(phases=PHASES, head=st.text())
def test_what_was_reached_is_read_back(tmp_path, monkeypatch, phases, head):
    monkeypatch.setenv("CURATE_HOME", str(tmp_path))
    journal = open_journal("hub", "ada/chats", "1.0.0", "id")
    for phase in phases:
        journal.reach(phase, head=head)
    again = open_journal("hub", "ada/chats", "1.0.0", "id")
    assert (again.phase, again.entries["head"]) == (phases[-1], head)
    assert json.loads(again.path.read_text()) == again.entries


def test_another_release_or_hub_begins_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_HOME", str(tmp_path))
    open_journal("hub", "ada/chats", "1.0.0", "id").reach("tag", commit="c")
    assert open_journal("hub", "ada/chats", "1.0.0", "other").phase is None
    assert open_journal("another", "ada/chats", "1.0.0", "id").phase is None
    assert open_journal("hub", "ada/chats", "1.1.0", "id").phase is None
