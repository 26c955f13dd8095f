"""`rollouts`: when each completion of RL was written, by which policy, and what came of it."""

import pyarrow as pa

from schemas.table import Column, Table

ROLLOUTS = Table(
    name="rollouts",
    grain="one row per completion that a policy in training wrote; its text is the row of responses with this sample_id",
    key=("stage_index", "step", "prompt_id", "sample_index"),
    columns=(
        Column("sample_id", pa.string(), "Sample; the same in `responses` and `verdicts` of rl."),
        Column("prompt_id", pa.string(), "Prompt."),
        Column("category", pa.string(), "Category of the prompt; it picked the verifier."),
        Column("stage_name", pa.string(), "Stage of params, or probe: before any update."),
        Column("stage_index", pa.int32(), "0 for the probe, then the stages from 1."),
        Column("step", pa.int32(), "Update that it was written for, from 1; 0 in the probe."),
        Column("sample_index", pa.int32(), "Index within the prompt's completions of this step, from 0."),
        Column("reward", pa.float64(), "Reward, 0 to 1; null where unverified.", nullable=True),
        Column(
            "passed", pa.bool_(), "Whether its score exceeds grade's threshold; null where unverified.", nullable=True
        ),
        Column("truncated", pa.bool_(), "Whether it was cut at the stage's length; then it moved no weight."),
        Column(
            "advantage",
            pa.float64(),
            "Advantage in its group; 0 where unverified, null where the group was replaced, or in the probe.",
            nullable=True,
        ),
    ),
)
