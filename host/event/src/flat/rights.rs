//! What a transform may do to an event.

/// What a transform may do to an event (`mayWrite`, `mayEmit`, limits).
///
/// The default: change nothing, one event out for one in, of any size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Patterns of attribute and extension names that may be written; `*` at the end matches any rest.
    pub attributes: Vec<String>,
    /// Whether the data may be replaced or removed.
    pub data: bool,
    /// Events out per event in.
    pub emit: u32,
    /// Bytes of an event that is made; what goes on as it came is not measured again.
    pub event_bytes: usize,
}

impl Default for Rights {
    fn default() -> Self {
        Self { attributes: Vec::new(), data: false, emit: 1, event_bytes: usize::MAX }
    }
}

impl Rights {
    /// Whether the attribute or extension of this name may be written.
    pub fn may_write(&self, name: &str) -> bool {
        self.attributes.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == pattern,
        })
    }
}
