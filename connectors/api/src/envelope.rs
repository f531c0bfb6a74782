//! Wraps messages that are no CloudEvents, by an explicit rule of the source.
