//! The SDKs in the real engine, without a host around it: that they agree, that they last, and what they say when they fail. And what a
//! host tells of it.

mod agreement;
mod assemblyscript;
mod failures;
mod go;
mod lab;
mod lasting;
mod told;
mod vectors;
