//! Why something is not a CloudEvent.

/// Why something is not a CloudEvent (1.0.2); names the attribute.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidEvent {
    /// A required attribute is not there.
    #[error("attribute `{0}` is missing")]
    Missing(&'static str),
    /// Any `specversion` but 1.0.
    #[error("attribute `specversion` is `{0}`, not `1.0`")]
    Specversion(String),
    /// An attribute or extension breaks its rule.
    #[error("attribute `{name}` {problem}")]
    Attribute {
        /// The attribute, as it was named.
        name: String,
        /// What it does wrong, as the rest of a sentence.
        problem: &'static str,
    },
    /// An attribute, extension or data member stands twice.
    #[error("`{0}` is given twice")]
    Repeated(String),
    /// Both `data` and `data_base64`.
    #[error("both `data` and `data_base64` are given")]
    TwoPayloads,
    /// The data does not fit what is said about it.
    #[error("data {0}")]
    Data(&'static str),
    /// More extensions than [`EXTENSIONS_MAX`](crate::EXTENSIONS_MAX).
    #[error("more than 128 extension attributes")]
    TooManyExtensions,
    /// The message, or what is decoded from it, reaches 2 GiB.
    #[error("larger than 2 GiB")]
    TooLarge,
}

impl InvalidEvent {
    /// An attribute that breaks its rule. Long names are cut: they come from outside and end up in logs.
    pub(crate) fn attribute(name: impl AsRef<[u8]>, problem: &'static str) -> Self {
        Self::Attribute { name: shown(name.as_ref()), problem }
    }

    pub(crate) fn repeated(name: &[u8]) -> Self {
        Self::Repeated(shown(name))
    }

    pub(crate) fn specversion(found: &[u8]) -> Self {
        Self::Specversion(shown(found))
    }
}

/// What an error shows of a name or value from outside.
fn shown(text: &[u8]) -> String {
    // 64: longer than any name in use, short enough for a log line.
    const SHOWN_MAX: usize = 64;
    match text.get(..SHOWN_MAX) {
        None => String::from_utf8_lossy(text).into_owned(),
        Some(start) => format!("{}…", String::from_utf8_lossy(start)),
    }
}
