"""The errors that a user can cause; each message says what was wanted, what came, where, and what to do.

    CurateError (ValueError)
    ├── ParamsError     params.yaml or a profile is wrong
    ├── DataError       a file or a table is not what its contract says
    └── InstallError    a package, model, program or kernel feature is missing

The commands print the message alone and exit with 1; diff and validate, whose 1 is an answer, with 2. A broken invariant of ours is an assert.
"""


class CurateError(ValueError):
    """Base of all errors whose message is meant for the user."""


class ParamsError(CurateError):
    """A value in params.yaml or a profile is missing, unknown or out of range."""


class DataError(CurateError):
    """A source, shard, table or release is missing, corrupt or breaks its contract."""


class InstallError(CurateError):
    """Something has to be installed or allowed on this machine first."""
