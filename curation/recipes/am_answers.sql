-- am-answers: one answer to each prompt without the thinking before it; a config per construction of R4.
-- Reference: R4, Leveraging reasoning-model answers (arXiv 2504.09639) 5.3: `original` is a response that came with its
-- source, `answer` the answer part of a teacher's response, `think_summary` a summary of its thinking, then its answer.
-- R4 verifies nothing; here a response that fails is left out, and one that no verifier can judge may stand. No stage writes
-- summaries yet, so `think_summary` says so of every response that `answer` keeps.
WITH judged AS (
    SELECT sample_id, prompt_id, preference, sample_index, verify_score, score_figure,
        CASE WHEN brought THEN 'original' ELSE 'answer' END AS config,
        CASE
            WHEN NOT score_kept THEN score_reason
            WHEN NOT passed THEN 'failed_verification'
        END AS fate
    FROM candidates
),
ordered AS (
    SELECT *, row_number() OVER own AS place, first_value(sample_id) OVER own AS first_id
    FROM judged
    WINDOW own AS (PARTITION BY prompt_id, config, fate IS NULL ORDER BY preference, sample_index, sample_id)
)
SELECT sample_id, prompt_id, config, 'response' AS role,
    CASE WHEN fate IS NULL OR fate = 'failed_verification' THEN verify_score ELSE score_figure END AS figure,
    CASE WHEN fate IS NULL AND place > 1 THEN 'not_chosen' ELSE fate END AS reason,
    CASE WHEN fate IS NULL AND place > 1 THEN first_id END AS evidence_id
FROM ordered
UNION ALL
SELECT sample_id, prompt_id, 'think_summary' AS config, 'response' AS role, NULL AS figure,
    'no_summary' AS reason, NULL AS evidence_id
FROM ordered
WHERE config = 'answer' AND fate IS NULL AND place = 1
