//! What every connector must pass.
