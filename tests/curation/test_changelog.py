"""Entries pile up, the newest first, and none is lost."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.changelog import entry, title, with_entry
from curation.versions import Change, Proposal, propose

MANIFEST = {
    "files": [{"config": "default", "split": "train", "rows": 1200}, {"config": "drops", "split": "train", "rows": 3}]
}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(*[st.integers(0, 9)] * 3).map(lambda one: ".".join(map(str, one))), min_size=1))
def test_every_entry_stays_below_the_ones_after_it(tmp_path, versions):
    path = tmp_path / "CHANGELOG.md"
    path.unlink(missing_ok=True)
    for version in versions:
        text = entry(version, Proposal(version, "patch", "the rest differs", "0.0.1"), MANIFEST, None)
        path.write_text(with_entry(path, "chats", text))
    told = path.read_text()
    assert [line[3:] for line in told.splitlines() if line.startswith("## ")] == versions[::-1]
    assert told.startswith(title("chats"))
    assert told.count("# Changelog of") == 1


def test_a_first_version_tells_its_rows():
    text = entry("1.0.0", propose(None, Change()), MANIFEST, None)
    assert text == "## 1.0.0\n\nThe first version.\n\n- default train: 1,200 rows\n- drops train: 3 rows\n"
