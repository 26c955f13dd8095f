-- am-rl: math and code prompts that the policy solves sometimes.
-- Reference: R7, AM-Thinking-v1 (arXiv 2505.08311) 8.6: the pass rate of the policy, here the role $policy, lies strictly
-- between 0 and 1. The categories are those of the report's first stage.
SELECT NULL AS sample_id, prompt_id, 'default' AS config, 'prompt' AS role, pass_rates[$policy] AS figure,
    CASE
        WHEN NOT list_contains($categories, category) THEN 'other_category'
        WHEN pass_rates[$policy] IS NULL THEN 'unverified'
        WHEN pass_rates[$policy] = 0 THEN 'unsolved'
        WHEN pass_rates[$policy] = 1 THEN 'always_solved'
    END AS reason,
    NULL AS evidence_id
FROM candidates
