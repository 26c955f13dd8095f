"""Why rows left: each removed row with the drop that the newer release tells of it.

A drop of the row's own sample comes before one of its whole prompt, then the order of the stages decides. A row of
which no drop tells has no reason: the release that it left for, or its sources, may be others.
"""

from curation.diff.changes import Pair
from curation.sidecar import read_sql
from curation.tables import identifier, quote
from schemas.drops import DROPPING_STAGES

OWN_DROP = "drops.sample_id = gone.sample_id"
PROMPTS_DROP = "drops.sample_id IS NULL AND drops.prompt_id = gone.prompt_id"


def find_reasons(both: Pair) -> list[tuple[str | None, int]]:
    """Make the table `reasons` of the removed rows; returns how many left for which `stage.reason`.

    Rows without a reason are counted under None, the last. Without drops on the newer side the list is empty.
    """
    keys = ", ".join(["changes.config", *(f"changes.key_{i}" for i in range(len(both.key)))])
    left, right = both.sides
    ids = [name for name in ("sample_id", "prompt_id") if name in left.columns]
    if not right.drops or not ids:
        both.con.execute(f"CREATE TEMP TABLE reasons AS SELECT {keys}, NULL::VARCHAR AS reason FROM changes LIMIT 0")
        return []
    both.con.execute(
        f"""
        CREATE TEMP TABLE gone AS
        SELECT {keys}, {", ".join(f"rows_from.{identifier(name)}::VARCHAR AS {name}" for name in ids)}
        FROM (FROM changes WHERE diff_type = 'removed') AS changes
        JOIN rows_from ON {both.joined("from")}
        """
    )
    key_names = keys.replace("changes.", "")
    stages = "[" + ", ".join(quote(stage) for stage in (*DROPPING_STAGES, "select")) + "]"
    how = [(0, OWN_DROP)] * ("sample_id" in ids) + [(1, PROMPTS_DROP)] * ("prompt_id" in ids)
    found = " UNION ALL ".join(
        f"SELECT gone.*, stage || '.' || reason AS reason, ({rank}, list_position({stages}, stage), reason) AS rank "
        f"FROM gone JOIN {read_sql(right.drops)} AS drops ON {condition}"
        for rank, condition in how
    )
    both.con.execute(
        f"CREATE TEMP TABLE reasons AS SELECT {key_names}, arg_min(reason, rank) AS reason FROM ({found}) GROUP BY ALL"
    )
    counted = both.con.execute("SELECT reason, count(*) AS num FROM reasons GROUP BY ALL ORDER BY num DESC, reason")
    told: list[tuple[str | None, int]] = counted.fetchall()
    (rows,) = both.con.execute("SELECT count(*) FROM gone").fetchall()
    unknown = rows[0] - sum(number for _, number in told)
    return [*told, (None, unknown)] if unknown else told
