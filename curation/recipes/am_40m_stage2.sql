-- am-40m-stage2: for annealing, one passing response to each prompt on which a teacher's scores spread most.
-- Reference: R5, DeepDistill (arXiv 2504.17565) 6.9: verify_score above 0.99, coefficient of variation above
-- $cv_min, the highest first, one response a prompt at random. The report's counts per category are
-- $prompts_max (null: all); the draw of a response is that of its id.
WITH spread AS (
    SELECT prompt_id, any_value(category) AS category, max(verify_score) AS best, count(verify_score) AS num_scores,
        round(
            CASE $cv WHEN 'sample' THEN stddev_samp(verify_score) ELSE stddev_pop(verify_score) END
                / nullif(avg(verify_score), 0),
            12
        ) AS cv
    FROM candidates
    WHERE score_kept
    GROUP BY prompt_id
),
judged AS (
    SELECT *,
        CASE
            WHEN num_scores = 0 THEN 'unverified'
            WHEN NOT coalesce(passed(category, best, $thresholds), false) THEN 'below_threshold'
            WHEN NOT coalesce(cv, 0) > ($cv_min)[category] THEN 'easy'
        END AS fate
    FROM spread
),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY category, fate IS NULL ORDER BY cv DESC, prompt_id) AS place FROM judged
),
responses AS (
    SELECT candidates.*, best, cv, place,
        CASE
            WHEN NOT score_kept THEN score_reason
            WHEN fate IS NOT NULL THEN fate
            WHEN place > ($prompts_max)[ranked.category] THEN 'over_quota'
            WHEN verify_score IS NULL THEN 'unverified'
            WHEN NOT passed(candidates.category, verify_score, $thresholds) THEN 'failed_verification'
        END AS fate
    FROM candidates
    LEFT JOIN ranked USING (prompt_id)
),
drawn AS (
    SELECT *, row_number() OVER draw_of_prompt AS turn, first_value(sample_id) OVER draw_of_prompt AS chosen_id
    FROM responses
    WINDOW draw_of_prompt AS (PARTITION BY prompt_id, fate IS NULL ORDER BY draw(sample_id), sample_id)
)
SELECT sample_id, prompt_id, 'default' AS config, 'response' AS role,
    CASE fate
        WHEN 'below_threshold' THEN best
        WHEN 'over_quota' THEN place
        WHEN 'failed_verification' THEN verify_score
        WHEN 'unverified' THEN NULL
        ELSE coalesce(score_figure, cv)
    END AS figure,
    CASE WHEN fate IS NULL AND turn > 1 THEN 'not_chosen' ELSE fate END AS reason,
    CASE WHEN fate IS NULL AND turn > 1 THEN chosen_id END AS evidence_id
FROM drawn
