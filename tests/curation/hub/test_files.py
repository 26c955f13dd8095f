"""Files that are whole or not there."""

import threading

import pytest

from curation.hub import files


@pytest.fixture
def root(tmp_path):
    with files.open_root(tmp_path):
        yield tmp_path


def test_what_was_not_placed_leaves_nothing(root):
    def fail():
        with files.incoming_file(root) as file, files.incoming_folder(root) as folder:
            (folder / "a").write_text("x")
            file.write(b"x")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list((root / files.INCOMING).iterdir()) == []


def test_a_file_is_replaced_as_a_whole(root):
    path = root / "new" / "deep" / "a.txt"
    files.write(root, path, b"first")
    with path.open("rb") as reader:
        files.write(root, path, b"second")
        assert (reader.read(), path.read_bytes()) == (b"first", b"second")
    assert list((root / files.INCOMING).iterdir()) == []


def test_opening_empties_what_a_killed_server_left(tmp_path):
    (tmp_path / files.INCOMING / "folder").mkdir(parents=True)
    (tmp_path / files.INCOMING / "file").write_text("half")
    with files.open_root(tmp_path):
        assert list((tmp_path / files.INCOMING).iterdir()) == []


def test_a_lock_lets_one_in(root):
    """Also between threads of one process, each with a file of its own."""
    inside, most = [], []

    def enter():
        with files.locked(root, "datasets/a/b"):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 20
