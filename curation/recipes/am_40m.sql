-- am-40m: every response that keeps the quality rules, failing ones too, each with its verify_score.
-- Reference: R5, DeepDistill (arXiv 2504.17565), 6.3 (all responses of all teachers are released)
-- and 6.6 (perplexity, frequent strings, format).
SELECT sample_id, prompt_id, 'default' AS config, 'response' AS role,
    CASE WHEN score_kept THEN verify_score ELSE score_figure END AS figure,
    score_reason AS reason,
    NULL AS evidence_id
FROM candidates
