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
firsts AS (
    SELECT prompt_id, config, arg_min(sample_id, (preference, sample_index, sample_id)) AS first_id
    FROM judged
    WHERE fate IS NULL
    GROUP BY prompt_id, config
),
placed AS (
    SELECT judged.*, first_id,
        CASE WHEN fate IS NULL AND sample_id <> first_id THEN 'not_chosen' ELSE fate END AS reason
    FROM judged
    LEFT JOIN firsts USING (prompt_id, config)
),
told AS (
    SELECT * EXCLUDE (config),
        unnest(CASE WHEN config = 'answer' AND reason IS NULL THEN ['answer', 'think_summary'] ELSE [config] END) AS config
    FROM placed
)
SELECT sample_id, prompt_id, config, 'response' AS role,
    CASE
        WHEN config = 'think_summary' THEN NULL
        WHEN fate IS NULL OR fate = 'failed_verification' THEN verify_score
        ELSE score_figure
    END AS figure,
    CASE config WHEN 'think_summary' THEN 'no_summary' ELSE reason END AS reason,
    CASE reason WHEN 'not_chosen' THEN first_id END AS evidence_id
FROM told
