//! The SDKs in the real engine, without a host around it: that they agree, that they last, and what they say when they fail.

mod agreement;
mod assemblyscript;
mod failures;
mod go;
mod lab;
mod lasting;
mod vectors;
