-- am-1-4m: one response for each prompt, verified where that is possible, with easy prompts thinned out.
-- Reference: R1 (arXiv 2503.19633) 2.3, steps 3 (difficulty), 7 (existing responses), 8 and 9
-- (verification), 10 (rules). The report gives no shares for down-sampling; $keep_easy and
-- $keep_medium are ours, and "very easy" counts as easy. $keep_unverified says whether a response
-- that no verifier could judge may stand.
WITH judged AS (
    SELECT sample_id, prompt_id, brought, preference, passed, verify_score, score_figure,
        CASE
            WHEN NOT score_kept THEN score_reason
            WHEN NOT passed THEN 'failed_verification'
            WHEN passed IS NULL AND NOT $keep_unverified THEN 'unverified'
            WHEN difficulty IN ('very easy', 'easy') AND draw(prompt_id) >= $keep_easy THEN 'downsampled'
            WHEN difficulty = 'medium' AND draw(prompt_id) >= $keep_medium THEN 'downsampled'
        END AS reason
    FROM candidates
),
best AS (
    -- Verified before unverified, existing before distilled, then the roles in the order of params.
    SELECT prompt_id,
        arg_min(sample_id, (passed IS NULL, NOT brought, preference, -verify_score, sample_id)) AS chosen_id
    FROM judged
    WHERE reason IS NULL
    GROUP BY prompt_id
)
SELECT sample_id, prompt_id, 'default' AS config, 'response' AS role,
    CASE
        WHEN reason = 'downsampled' THEN draw(prompt_id)
        WHEN reason IN ('failed_verification', 'unverified') OR reason IS NULL THEN verify_score
        ELSE score_figure
    END AS figure,
    CASE WHEN reason IS NULL AND sample_id <> chosen_id THEN 'not_chosen' ELSE reason END AS reason,
    CASE WHEN reason IS NULL AND sample_id <> chosen_id THEN chosen_id END AS evidence_id
FROM judged
LEFT JOIN best USING (prompt_id)
