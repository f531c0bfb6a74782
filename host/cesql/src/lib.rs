//! CloudEvents SQL 1.0: parser, checks, evaluator.
