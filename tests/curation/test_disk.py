"""A full disk and a shard that cannot be read are told with what to do; any other error stays what it is."""

import errno

import duckdb
import pytest

from curation.disk import disk_errors_told
from curation.errors import DataError


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told(number):
    told = r"diff: no space left on the disk of .*; nothing half-written was left"
    with pytest.raises(DataError, match=told), disk_errors_told("diff"):
        raise OSError(number, "full")


def test_a_spoilt_shard_is_told_with_the_stage_that_writes_it_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shard = tmp_path / "data/verify/verdicts/00000.parquet"
    shard.parent.mkdir(parents=True)
    shard.write_bytes(b"PAR1 no more")
    told = r"diff: .*00000\.parquet cannot be read .*dvc repro -f verify"
    with pytest.raises(DataError, match=told), disk_errors_told("diff"):
        duckdb.read_parquet(str(shard)).fetchall()


def test_another_error_is_not_touched():
    with pytest.raises(PermissionError), disk_errors_told("diff"):
        raise PermissionError(errno.EACCES, "no")
