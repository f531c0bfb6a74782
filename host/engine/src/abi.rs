//! The contract's types as they cross: mirrors of the records in `wit/tidegate.wit`, field for field.
//!
//! Lists of integers lower and lift as one copy each; that is why batches are flat. A test compares these with the WIT.

use tidegate_event::flat::{FlatBatch, Needs, ROW_WORDS};
use wasmtime::component::{ComponentType, Lift, Lower, WasmList, flags};

/// `events.batch`, borrowed: what goes in.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Batch<'a> {
    #[component(name = "now-ms")]
    pub(crate) now_ms: u64,
    #[component(name = "row-words")]
    pub(crate) row_words: u32,
    pub(crate) bytes: &'a [u8],
    pub(crate) index: &'a [u32],
}

impl<'a> From<&'a FlatBatch> for Batch<'a> {
    fn from(batch: &'a FlatBatch) -> Batch<'a> {
        Batch { now_ms: batch.now_ms, row_words: ROW_WORDS as u32, bytes: &batch.bytes, index: &batch.index }
    }
}

/// `events.batch`, which comes back: its lists copied out, or where the guest has them.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct OutBatch<B, I> {
    #[component(name = "now-ms")]
    #[expect(dead_code, reason = "part of the record; a reply's clock says nothing")]
    pub(crate) now_ms: u64,
    #[component(name = "row-words")]
    pub(crate) row_words: u32,
    pub(crate) bytes: B,
    pub(crate) index: I,
}

/// `events.outcomes`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Outcomes {
    pub(crate) codes: Vec<u32>,
    pub(crate) reasons: Vec<String>,
}

/// `transform.output`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Output<B, I> {
    pub(crate) outcomes: Outcomes,
    pub(crate) events: OutBatch<B, I>,
}

/// With the events copied out.
pub(crate) type Copied = Output<Vec<u8>, Vec<u32>>;
/// With the events where the guest has them.
pub(crate) type InPlace = Output<WasmList<u8>, WasmList<u32>>;

/// `matcher.assignment`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Assignment {
    pub(crate) outcomes: Outcomes,
    pub(crate) names: Vec<String>,
    pub(crate) pairs: Vec<u32>,
}

/// `lifecycle.info`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct InfoRecord {
    pub(crate) name: String,
    pub(crate) version: String,
    #[component(name = "config-schema")]
    pub(crate) config_schema: Option<String>,
}

flags! {
    NeedsFlags {
        #[component(name = "attributes")]
        const ATTRIBUTES;
        #[component(name = "extensions")]
        const EXTENSIONS;
        #[component(name = "data")]
        const DATA;
        #[component(name = "context")]
        const CONTEXT;
    }
}

impl From<NeedsFlags> for Needs {
    fn from(flags: NeedsFlags) -> Needs {
        Needs {
            attributes: flags.contains(NeedsFlags::ATTRIBUTES),
            extensions: flags.contains(NeedsFlags::EXTENSIONS),
            data: flags.contains(NeedsFlags::DATA),
            context: flags.contains(NeedsFlags::CONTEXT),
        }
    }
}

/// `log.level`.
#[derive(ComponentType, Lift, Clone, Copy, Debug)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "some variants are only ever made by lifting")]
pub(crate) enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}

/// What a function that decides about a batch answers.
pub(crate) type Decided<T> = (Result<T, String>,);
/// `lifecycle.configure`.
pub(crate) type ConfigureResult = (Result<NeedsFlags, String>,);
