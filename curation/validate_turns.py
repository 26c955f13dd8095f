"""Faults in the turns of prompts and responses, as scalars: text is read once here for all datasets.

In: `prompts` and `responses`. Out: two small tables of the rows that have a fault, so that the frames which Great
Expectations judges need no text. A response is looked at as releases write it. What is looked at:

roles   a system turn at most, then user and assistant in turn, the user first and last
empty   a turn, or the answer after a response's thinking, of nothing but white space
think   an assistant's turn with think tags other than one <think> and one </think> after it; a turn without tags has
        no fault unless its teacher promises them
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from curation.layouts.layout import RESPONSE, quoted
from curation.tables import Relation

ORDER_OF_ROLES = "(system )?user( assistant user)*"
_BLANK = r"NOT regexp_matches({}, '[^\s\p{{Z}}]')"


@dataclass(frozen=True)
class TurnFaults:
    """Rows with a fault; what is in neither has none."""

    prompts: Relation
    """`prompt_id`, `roles_alternate`, and the numbers of turns `empty_turns` and `think_faults`."""
    samples: Relation
    """`sample_id`, `empty_turns` and `think_faults` of the response alone."""


def turn_faults(
    con: duckdb.DuckDBPyConnection, prompts: Relation, responses: Relation, *, thinking_teachers: Sequence[str]
) -> TurnFaults:
    """Find the prompts and samples with a fault, and keep them as temporary tables.

    Args:
        con: The connection of the relations.
        prompts: One row per prompt. Reads `prompt_id`, `messages`.
        responses: One row per sample. Reads `sample_id`, `teacher`, `reasoning`, `answer`.
        thinking_teachers: Those whose responses must have a think block.
    """
    of_prompts = prompts.query(
        "prompts",
        f"""
        SELECT prompt_id,
            regexp_full_match(array_to_string([turn.role FOR turn IN messages], ' '), '{ORDER_OF_ROLES}')
                AS roles_alternate,
            len([1 FOR turn IN messages IF {_BLANK.format("turn.content")}]) AS empty_turns,
            len([1 FOR turn IN messages IF turn.role = 'assistant' AND {_bad_think("turn.content")}]) AS think_faults
        FROM prompts
        """,
    )
    promised = f"responses.teacher IN ({quoted(thinking_teachers)})" if thinking_teachers else "false"
    of_samples = responses.query(
        "responses",
        f"""
        SELECT sample_id, ({_BLANK.format("answer")})::INTEGER AS empty_turns,
            (CASE WHEN contains(text, 'think>') THEN {_bad_think("text")} ELSE promised END)::INTEGER AS think_faults
        FROM (SELECT sample_id, answer, {promised} AS promised, {RESPONSE} AS text FROM responses)
        """,
    )
    faulty = "empty_turns > 0 OR think_faults > 0"
    con.execute(f"CREATE OR REPLACE TEMP TABLE prompt_faults AS FROM of_prompts WHERE NOT roles_alternate OR {faulty}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE sample_faults AS FROM of_samples WHERE {faulty}")
    return TurnFaults(con.table("prompt_faults"), con.table("sample_faults"))


def _bad_think(text: str) -> str:
    """SQL: whether a text has think tags that are not one closed block."""
    opened, closed = (f"len(string_split({text}, '{tag}')) - 1" for tag in ("<think>", "</think>"))
    one_block = f"{opened} = 1 AND {closed} = 1 AND strpos({text}, '<think>') < strpos({text}, '</think>')"
    return f"(NOT ({opened} = 0 AND {closed} = 0) AND NOT ({one_block}))"
