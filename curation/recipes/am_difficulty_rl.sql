-- am-difficulty-rl: math and code prompts in three levels by the pass rates of models of rising size.
-- Reference: R3, Difficulty-aware staged RL (arXiv 2504.00829) 4.2. A prompt that the strongest model ($ceiling,
-- DeepSeek-R1 in the report) never solves is left out, as too hard or not verifiable. Level 1: the small model solves it
-- sometimes. Level 2: the small one never and the medium one at least once, or both sometimes. Level 3: the
-- large one fails, or solves it, and a draw keeps the share $keep_solved[category] of the solved (0.5 math, 0.1 code).
-- A prompt that one of the models did not answer, or whose answers nothing could verify, has no level. "Fails" is read as a pass rate of 0 and "solves" as 1, as the report does not say; a prompt may stand in several
-- levels.
WITH rates AS (
    SELECT prompt_id, category, pass_rates['small'] AS small, pass_rates['medium'] AS medium,
        pass_rates['large'] AS large, pass_rates[$ceiling] AS ceiling
    FROM candidates
),
judged AS (
    SELECT *,
        CASE
            WHEN NOT list_contains(map_keys($keep_solved), category) THEN 'other_category'
            WHEN small IS NULL OR medium IS NULL OR large IS NULL OR ceiling IS NULL THEN 'unverified'
            WHEN ceiling = 0 THEN 'unsolved'
        END AS fate,
        list_filter(
            [
                CASE WHEN small > 0 AND small < 1 THEN 'level-1' END,
                CASE WHEN small = 0 AND medium > 0 OR small > 0 AND small < 1 AND medium > 0 AND medium < 1
                    THEN 'level-2' END,
                CASE WHEN large = 0 OR large = 1 AND draw(prompt_id) < ($keep_solved)[category] THEN 'level-3' END
            ],
            lambda level: level IS NOT NULL
        ) AS levels
    FROM rates
)
SELECT NULL AS sample_id, prompt_id, unnest(levels) AS config, 'prompt' AS role, ceiling AS figure,
    NULL AS reason, NULL AS evidence_id
FROM judged
WHERE fate IS NULL AND len(levels) > 0
UNION ALL
SELECT NULL, prompt_id, NULL, 'prompt', ceiling, coalesce(fate, 'no_level') AS reason, NULL
FROM judged
WHERE fate IS NOT NULL OR len(levels) = 0
