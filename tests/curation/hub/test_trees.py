"""Listings of trees, by function and by request."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from curation.hub.commits import lfs_entry
from curation.hub.listings import PAGE_EXPANDED
from curation.hub.trees import is_below, nodes
from tests.curation.hub.calls import commit_lines, text_line

TREE = "/api/datasets/ada/chats/tree/main"
trees = st.lists(st.from_regex(r"[ab-]{1,2}(/[ab-]{1,2}){0,3}", fullmatch=True), max_size=12).map(
    lambda paths: {
        path: lfs_entry(f"{number:064}", number)
        for number, path in enumerate(paths)
        if not any(is_below(other, path) for other in paths)
    }
)


@settings(max_examples=50, deadline=None)
@given(trees, st.sampled_from(["", "a", "a/b"]), st.booleans())
def test_listings_are_what_a_walk_finds(tree, folder, is_recursive):
    """Against the naive way: all prefixes of all paths, then those that are where they should be."""
    every = dict.fromkeys(tree, "file")
    every |= {path[:end]: "directory" for path in tree for end, sign in enumerate(path) if sign == "/"}
    start = f"{folder}/" if folder else ""
    below = {path: kind for path, kind in every.items() if path.startswith(start)}
    wanted = sorted((p, kind) for p, kind in below.items() if is_recursive or "/" not in p.removeprefix(start))
    found = list(nodes(tree, folder, recursive=is_recursive))
    assert [(node["path"], node["type"]) for node in found] == wanted
    for cut in found:
        rest = nodes(tree, folder, recursive=is_recursive, after=cut["path"])
        assert list(rest) == found[found.index(cut) + 1 :]


@settings(max_examples=50, deadline=None)
@given(trees)
def test_the_id_of_a_folder_tells_its_content(tree):
    listed = {node["path"]: node["oid"] for node in nodes(tree, "", recursive=True) if node["type"] == "directory"}
    for path in tree:
        changed = {**tree, path: lfs_entry("f" * 64, 5)}
        again = {node["path"]: node["oid"] for node in nodes(changed, "", recursive=True)}
        assert {one for one in listed if listed[one] != again[one]} == {one for one in listed if is_below(path, one)}


def test_pages_join_to_the_whole(ask):
    files = [text_line(f"data/{number:03}.txt", str(number)) for number in range(2 * PAGE_EXPANDED)]
    ask("POST", "/api/datasets/ada/chats/commit/main", commit_lines(*files, summary="files"))
    ask("POST", "/api/datasets/ada/chats/commit/main", commit_lines(text_line("data/003.txt", "x"), summary="one"))
    path, listed = f"{TREE}?recursive=true&expand=True", []
    while path:
        _, headers, body = ask("GET", path)
        listed += json.loads(body)
        path = headers.get("link", "").partition("<")[2].partition(">")[0]
    assert [node["path"] for node in listed] == [".gitattributes", "data", *(line[1]["path"] for line in files)]
    titles = {node["path"]: node["lastCommit"]["title"] for node in listed}
    assert (titles["data"], titles["data/003.txt"], titles["data/004.txt"]) == ("one", "one", "files")
    assert titles[".gitattributes"] == "initial commit"


def test_a_folder_that_is_not_there(ask):
    status, headers, _ = ask("GET", f"{TREE}/none")
    assert (status, headers["x-error-code"]) == (404, "EntryNotFound")
    assert ask("GET", f"{TREE}/.gitattributes")[0] == 404
