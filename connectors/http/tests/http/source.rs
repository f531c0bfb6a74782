//! The source: what a client sees, and what the host gets.
