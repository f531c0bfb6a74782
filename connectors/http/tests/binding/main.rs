//! The HTTP protocol binding of CloudEvents 1.0.2: the rules of the specification as vectors (`vectors.json`), and what
//! must hold for any event and any message.

mod properties;
mod vectors;
