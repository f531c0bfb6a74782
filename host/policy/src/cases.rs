//! Cases of `tidegate test`: the text of a file in, checked cases out, every mistake with its place. Pure, as for documents: files that
//! cases name are not read here, and nothing is run.
//!
//! A file is a mapping with `cases`, a list; what stands beside it (`config`, `capabilities`, `mayWrite`, `mayEmit`, `timeout`, `now`) holds
//! for all of its cases. Keys and matchers are closed sets: one that is not known is a mistake, never skipped.

mod expected;
mod read;
mod rewrite;

use std::time::Duration;

use serde_json::Value;

use crate::{
    File, Place, Report,
    mistakes::Mistakes,
    spec::{Capability, MayWrite},
    text::Text,
    tree,
};

pub use expected::Expected;
pub use rewrite::{Place as Spot, Rewrite, rewrite};

/// What a module is given; what is absent is as in the policy of the folder.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// `config`: any JSON.
    pub config: Option<Value>,
    /// `capabilities`: imports granted.
    pub capabilities: Option<Vec<Capability>>,
    /// `mayWrite`.
    pub may_write: Option<MayWrite>,
    /// `mayEmit`: 0 to 1,024.
    pub may_emit: Option<u32>,
    /// `timeout` of a call, 1 ms to 10 s.
    pub timeout: Option<Duration>,
    /// `now`, the clock of the batch: milliseconds since the Unix epoch.
    pub now_ms: Option<u64>,
}

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Unique in its file.
    pub name: String,
    /// Where it begins.
    pub place: Place,
    /// Its position in `cases`, from 0.
    pub number: usize,
    /// What the module is given.
    pub setting: Setting,
    /// What is put in.
    pub given: Given,
    /// What is expected of each event, in order; empty where nothing is said of single events.
    pub expect: Vec<Expect>,
    /// Everything that goes on, in order.
    pub out: Option<Out>,
    /// All lines of the log, in order; those of `configure` first.
    pub log: Option<Vec<Line>>,
    /// Counters by name, of those that are not 0.
    pub metrics: Option<Vec<(String, u64)>>,
}

/// What is put in.
#[derive(Clone, Debug)]
pub enum Given {
    /// These events in one batch.
    Events(Vec<GivenEvent>),
    /// `events: FILE`: those of a file, relative to that of the case.
    File(String),
    /// `refused`: no event; `configure` refuses the configuration with these words.
    Refused(Expected),
}

/// An event as written, with what is left out filled in: `specversion`, `id` (its number), `source` (`/test`), `datacontenttype` of JSON data.
#[derive(Clone, Debug)]
pub struct GivenEvent {
    /// In the JSON format of CloudEvents; whether it is an event is not known here.
    pub event: Value,
    /// What the transport knows.
    pub context: Vec<(String, String)>,
    /// Where it stands.
    pub place: Place,
}

/// What is expected of one event.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// `verdict`; absent where only the rest is of interest.
    pub verdict: Option<Verdict>,
    /// `reason`: text.
    pub reason: Option<Expected>,
    /// `out`: the events that become of it.
    pub out: Option<OutOf>,
    /// `names`: all of them, in any order.
    pub names: Option<Vec<String>>,
}

/// What becomes of one event.
#[derive(Clone, Debug)]
pub enum OutOf {
    /// `same`: the event as it was.
    Same,
    /// These, in order.
    Events(Vec<Expected>),
}

/// Everything that goes on.
#[derive(Clone, Debug)]
pub enum Out {
    /// These, in order.
    Events(Vec<Expected>),
    /// Those of a file, relative to that of the case; of a matcher, `{"id": …, "names": […]}` a line.
    File(String),
}

/// A line of the log.
#[derive(Clone, Debug)]
pub struct Line {
    /// As the contract calls it; absent: any.
    pub level: Option<&'static str>,
    /// Text.
    pub message: Expected,
}

/// What was decided about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Keep,
    /// Dropped as intended.
    Drop,
    /// Refused.
    Reject,
    /// To be decided again later.
    Retry,
    /// The module failed on it.
    Fail,
    /// The policy's `match` does not want it: the module was not asked, and it goes on.
    Skip,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Verdict; 6] =
        [Verdict::Keep, Verdict::Drop, Verdict::Reject, Verdict::Retry, Verdict::Fail, Verdict::Skip];

    /// As a case writes it.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Keep => "keep",
            Verdict::Drop => "drop",
            Verdict::Reject => "reject",
            Verdict::Retry => "retry",
            Verdict::Fail => "fail",
            Verdict::Skip => "skip",
        }
    }
}

/// Codes of what a file of cases can be refused for, beside those of any text (`P1…`, see [`crate::codes`]).
pub mod codes {
    /// No matcher of that name.
    pub const UNKNOWN_MATCHER: &str = "T101";
    /// A matcher with what it cannot be given, or where it cannot stand.
    pub const MATCHER: &str = "T102";
    /// Two cases of one name.
    pub const SAME_CASE: &str = "T103";
    /// A case that cannot fail.
    pub const NOTHING_EXPECTED: &str = "T104";
    /// Not as many expectations as events.
    pub const COUNT: &str = "T105";
    /// A case gives no event, or in two ways.
    pub const GIVEN: &str = "T106";
}

/// Reads a file of cases.
///
/// # Errors
/// Every mistake of the file, sorted by place.
pub fn read(file: &File) -> Result<Vec<Case>, Report> {
    let source = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
    let text = Text::new(&file.path, if source.len() > crate::FILE_BYTES_MAX { "" } else { source });
    let mut mistakes = Mistakes::new(&text);
    let mut cases = Vec::new();
    if source.len() > crate::FILE_BYTES_MAX {
        crate::too_large(source.len(), &mut mistakes);
    } else {
        for tree in tree::parse(source, &mut mistakes) {
            if tree.whole {
                read::file(&tree.root, &mut cases, &mut mistakes);
            }
        }
    }
    let (found, _) = mistakes.into_parts();
    if found.is_empty() { Ok(cases) } else { Err(Report::new(found)) }
}
