//! Which parts of an event a module reads.

use std::fmt;

use crate::bindings::events;

/// What a module reads; the host leaves the rest out of its batches, which makes them cheaper.
///
/// Written as `#[filter(needs(attributes, data))]`; without it a module gets attributes, extensions and data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs(pub(crate) u32);

impl Needs {
    /// Nothing: a module that decides by its configuration alone.
    pub const NONE: Needs = Needs(0);
    /// `id`, `source`, `type`, `subject`, `time`, `datacontenttype`, `dataschema`.
    pub const ATTRIBUTES: Needs = Needs(1);
    /// Extension attributes.
    pub const EXTENSIONS: Needs = Needs(1 << 1);
    /// The payload.
    pub const DATA: Needs = Needs(1 << 2);
    /// What the transport knows: key, topic, headers.
    pub const CONTEXT: Needs = Needs(1 << 3);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Needs) -> Needs {
        Needs(self.0 | other.0)
    }
}

const NAMES: [&str; 4] = ["attributes", "extensions", "data", "context"];

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (bit, name) in NAMES.iter().enumerate() {
            if self.0 & (1 << bit) != 0 {
                f.write_str(if first { "" } else { " and " })?;
                f.write_str(name)?;
                first = false;
            }
        }
        Ok(())
    }
}

impl From<Needs> for events::Needs {
    fn from(needs: Needs) -> events::Needs {
        events::Needs::from_bits_truncate(u8::try_from(needs.0).unwrap_or(u8::MAX))
    }
}
