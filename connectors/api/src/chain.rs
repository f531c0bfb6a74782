//! An error and what caused it, as people read it where a connector or its host says why something failed.

use std::error::Error;

/// The error and what caused it, on one line; what repeats its cause in its own words is not said twice.
pub fn chain(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_said = cause.to_string();
        if !said.contains(&cause_said) {
            said = format!("{said}: {cause_said}");
        }
        source = cause.source();
    }
    said
}
