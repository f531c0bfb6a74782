//! What an event is: CloudEvents 1.0.2, held whole as received and pointed into.
//!
//! An [`Event`] owns no strings: it is one row of spans over the message it came in. That row is the one of the guest
//! contract (`wit/tidegate.wit`), so handing a batch of events to a guest is copying bytes and adding offsets.
//! Here are the formats an event is read from and written to ([`json`], [`binary`]), the flat batch guests see
//! ([`flat`]), and conversions to the `cloudevents-sdk` types ([`sdk`]). Nothing here is async, does I/O or knows Wasm.
//!
//! ```
//! use bytes::Bytes;
//! use tidegate_event::json::{self, Validate};
//!
//! let line = Bytes::from_static(br#"{"specversion":"1.0","id":"1","source":"/shop","type":"order","data":{"n":1}}"#);
//! let event = json::decode(&line, Validate::Envelope)?;
//! assert_eq!((event.id(), event.ty()), ("1", "order"));
//! assert_eq!(event.data().map(|data| data.bytes), Some(&br#"{"n":1}"#[..]));
//! # Ok::<(), json::DecodeError>(())
//! ```

pub mod binary;
mod entries;
mod event;
pub mod flat;
mod invalid;
pub mod json;
mod media;
mod row;
mod rules;
pub mod sdk;
mod uri;

pub use event::{Data, Event, EventBuilder, Form, Value};
pub use invalid::InvalidEvent;

/// Extension attributes one event may carry. The specification has no limit; this one keeps what an event may cost to
/// check (each against each) under 0.1 ms.
pub const EXTENSIONS_MAX: usize = 128;
