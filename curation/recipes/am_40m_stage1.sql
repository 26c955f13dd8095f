-- am-40m-stage1: the passing responses to prompts on which a teacher's scores spread, and half of the easy chat.
-- Reference: R5, DeepDistill (arXiv 2504.17565) 6.8, Algorithm 1. A prompt whose best score does not reach the threshold
-- is left out. Where the coefficient of variation exceeds $cv_min, its passing responses stay; where not, the prompt
-- is easy: in the categories $keep_easy_of it stays whole with probability $keep_easy, by a draw of its id, in the
-- others it is left out. $cv is population (R5 Eq. 6) or sample (R5's printed examples). Scores of all teachers in
-- scope count together; unverified ones count neither for nor against. Responses that break a quality rule
-- (R5 6.6) are left out before.
WITH spread AS (
    SELECT prompt_id, max(verify_score) AS best, count(verify_score) AS num_scores,
        CASE $cv WHEN 'sample' THEN stddev_samp(verify_score) ELSE stddev_pop(verify_score) END
            / nullif(avg(verify_score), 0) AS cv
    FROM candidates
    WHERE score_kept
    GROUP BY prompt_id
)
SELECT sample_id, prompt_id, 'default' AS config, 'response' AS role,
    CASE reason
        WHEN 'below_threshold' THEN best
        WHEN 'easy' THEN cv
        WHEN 'downsampled' THEN draw(prompt_id)
        WHEN 'failed_verification' THEN verify_score
        WHEN 'unverified' THEN NULL
        ELSE coalesce(score_figure, cv)
    END AS figure,
    reason,
    NULL AS evidence_id
FROM (
    SELECT candidates.*, best, round(cv, 12) AS cv,
        CASE
            WHEN NOT score_kept THEN score_reason
            WHEN num_scores = 0 THEN 'unverified'
            WHEN best < ($thresholds)[category] THEN 'below_threshold'
            WHEN coalesce(round(cv, 12), 0) > ($cv_min)[category] THEN CASE
                WHEN verify_score IS NULL THEN 'unverified'
                WHEN NOT passed(category, verify_score, $thresholds) THEN 'failed_verification'
            END
            WHEN NOT list_contains($keep_easy_of, category) THEN 'easy'
            WHEN draw(prompt_id) >= $keep_easy THEN 'downsampled'
        END AS reason
    FROM candidates
    LEFT JOIN spread USING (prompt_id)
)
