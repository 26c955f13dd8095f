-- am-multi-teacher: for every prompt that all teachers solved, one response of each; a config per teacher.
-- Reference: R8, Not All Correct Answers Are Equal (arXiv 2505.14464) 9.1: a response counts where its score, brought
-- to 0..1, reaches $share_min (0.9, all categories alike); perplexity may not exceed $perplexity_max[teacher],
-- a bound per teacher whose values are not published (an absent teacher has none). Of a teacher's responses that count the
-- first made stays, as in asking until one verifies. A prompt that a teacher in scope did not solve is left out.
WITH judged AS (
    SELECT *,
        CASE
            WHEN NOT score_kept THEN score_reason
            WHEN verify_share IS NULL THEN 'unverified'
            WHEN verify_share < $share_min THEN 'failed_verification'
            WHEN perplexity > ($perplexity_max)[teacher] THEN 'perplexity'
        END AS fate
    FROM candidates
),
firsts AS (
    SELECT prompt_id, teacher, arg_min(sample_id, (sample_index, sample_id)) AS first_id
    FROM judged
    WHERE fate IS NULL
    GROUP BY prompt_id, teacher
),
solved AS (
    SELECT prompt_id, count(*) AS num_teachers FROM firsts GROUP BY prompt_id
),
ordered AS (
    SELECT judged.*, coalesce(num_teachers, 0) AS num_teachers, first_id
    FROM judged
    LEFT JOIN solved USING (prompt_id)
    LEFT JOIN firsts USING (prompt_id, teacher)
)
SELECT sample_id, prompt_id, teacher AS config, 'response' AS role,
    CASE reason
        WHEN 'failed_verification' THEN verify_share
        WHEN 'perplexity' THEN coalesce(score_figure, perplexity)
        WHEN 'unsolved_by_a_teacher' THEN num_teachers
        WHEN 'unverified' THEN NULL
        ELSE coalesce(score_figure, verify_share)
    END AS figure,
    reason,
    CASE reason WHEN 'not_chosen' THEN first_id END AS evidence_id
FROM (
    SELECT *,
        CASE
            WHEN fate IS NOT NULL THEN fate
            WHEN num_teachers < (SELECT count(DISTINCT teacher) FROM candidates) THEN 'unsolved_by_a_teacher'
            WHEN sample_id <> first_id THEN 'not_chosen'
        END AS reason
    FROM ordered
)
