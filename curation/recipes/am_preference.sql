-- am-preference: of each prompt that is solved sometimes the best response and the worst, which failed.
-- Reference: R6, Exploring offline RL (arXiv 2505.02142) 7.3: chosen is the best response, rejected the worst, and the
-- rejected one failed verification. The report does not address ties: the one with the smaller draw of its id is
-- taken. A prompt needs a response that passes and one that fails.
WITH judged AS (
    SELECT *,
        CASE
            WHEN NOT score_kept THEN score_reason
            WHEN passed IS NULL THEN 'unverified'
        END AS fate
    FROM candidates
),
ends AS (
    SELECT prompt_id, count(*) FILTER (passed) AS num_passed, count(*) FILTER (NOT passed) AS num_failed,
        arg_min(sample_id, (-verify_score, draw(sample_id), sample_id)) FILTER (passed) AS chosen_id,
        arg_min(sample_id, (verify_score, draw(sample_id), sample_id)) FILTER (NOT passed) AS rejected_id
    FROM judged
    WHERE fate IS NULL
    GROUP BY prompt_id
)
SELECT sample_id, prompt_id, 'default' AS config,
    CASE sample_id WHEN chosen_id THEN 'chosen' WHEN rejected_id THEN 'rejected' ELSE 'response' END AS role,
    CASE WHEN fate IS NULL THEN verify_score ELSE score_figure END AS figure,
    CASE
        WHEN fate IS NOT NULL THEN fate
        WHEN num_passed = 0 THEN 'unsolved'
        WHEN num_failed = 0 THEN 'always_solved'
        WHEN sample_id NOT IN (chosen_id, rejected_id) THEN 'not_chosen'
    END AS reason,
    CASE
        WHEN fate IS NULL AND num_passed > 0 AND num_failed > 0 AND sample_id NOT IN (chosen_id, rejected_id)
            THEN CASE WHEN passed THEN chosen_id ELSE rejected_id END
    END AS evidence_id
FROM judged
LEFT JOIN ends USING (prompt_id)
