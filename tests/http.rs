//! The program as a listener: what it answers, and what an answer is worth when things go wrong.

mod answers;
mod campaign;
mod client;
mod crowd;
mod examples;
mod independence;
mod interop;
mod overload;
mod refusals;
