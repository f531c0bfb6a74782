//! What a document says about a file source or sink: raw as written, then checked.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use tidegate_connector::config::{self, Size, ValidateConfig};
use tidegate_connector::envelope::{Envelope, EnvelopeConfig, Transport};
use tidegate_connector::{ConfigError, Place};
use tidegate_event::json::Validate;

/// Default of `maxLineBytes`.
const LINE_BYTES_DEFAULT: Size = Size(16 << 20);
/// `maxLineBytes` at least; below that no event fits.
const LINE_BYTES_MIN: Size = Size(256);
/// `maxLineBytes` at most: an event is under 2 GiB, and a line and what is decoded from it are both held.
const LINE_BYTES_MAX: Size = Size(1 << 30);
/// Default of `keep`.
const KEEP_DEFAULT: u32 = 5;
/// `keep` at most: each rotation renames so many files.
pub(crate) const KEEP_MAX: u32 = 1000;

/// What templates of an `envelope:` may name, besides the message's fields.
///
/// `file` is the configured file's name, `path` the whole path as configured, `line` the line number from 1 (0 where it is not
/// known because reading began at the end), `offset` the line's first byte in the file.
pub(crate) const TRANSPORT_NAMES: &[&str] = &["file", "path", "line", "offset"];
/// Default of an envelope's `id`. The offset alone comes again after a rotation.
const DEFAULT_ID: &str = "${offset}-${hash}";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawSource {
    path: String,
    #[serde(default)]
    follow: bool,
    #[serde(default)]
    format: RawFormat,
    envelope: Option<EnvelopeConfig>,
    validate: Option<ValidateConfig>,
    max_line_bytes: Option<Size>,
    #[serde(default)]
    start: Start,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum RawFormat {
    #[default]
    CloudEvents,
    Lines,
}

/// Where reading begins without a cursor.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Start {
    #[default]
    Beginning,
    End,
}

/// What happens at the end of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtEnd {
    /// The lane ends.
    Stop,
    /// The lane waits for more.
    Follow,
}

/// What a line is.
#[derive(Clone, Debug)]
pub(crate) enum Format {
    /// A structured CloudEvent.
    CloudEvents(Validate),
    /// The data of an event made by a rule.
    Lines(Box<Envelope>),
}

/// A file source, checked.
#[derive(Clone, Debug)]
pub(crate) struct SourceConfig {
    /// As written in the document; what operators look for.
    pub(crate) shown: String,
    /// Relative to the place of the document until [`SourceConfig::at`].
    pub(crate) path: PathBuf,
    pub(crate) at_end: AtEnd,
    pub(crate) format: Format,
    pub(crate) max_line_bytes: usize,
    pub(crate) start: Start,
}

impl SourceConfig {
    pub(crate) fn read(value: &Value) -> Result<Self, Vec<ConfigError>> {
        let raw: RawSource = config::parse(value)?;
        let mut errors = Vec::new();
        check_path(&raw.path, &mut errors);
        let max_line_bytes = raw.max_line_bytes.unwrap_or(LINE_BYTES_DEFAULT);
        if !(LINE_BYTES_MIN..=LINE_BYTES_MAX).contains(&max_line_bytes) {
            errors.push(ConfigError::new("/maxLineBytes", "must be between 256 and 1Gi"));
        }
        let format = match (raw.format, &raw.envelope) {
            (RawFormat::CloudEvents, None) => Some(Format::CloudEvents(raw.validate.unwrap_or_default().into())),
            (RawFormat::CloudEvents, Some(_)) => {
                let error = ConfigError::new("/envelope", "events need no envelope");
                errors.push(error.hint("add `format: lines` if the lines are no CloudEvents"));
                None
            }
            (RawFormat::Lines, None) => {
                let error = ConfigError::new("/format", "lines that are no CloudEvents need an `envelope`");
                errors.push(error.hint("add `envelope: {type: com.example.line, source: /files/NAME}`"));
                None
            }
            (RawFormat::Lines, Some(rule)) => compile(rule, &mut errors),
        };
        if raw.format == RawFormat::Lines && raw.validate.is_some() {
            errors.push(ConfigError::new("/validate", "applies to `format: cloudevents` only"));
        }
        let Some(format) = format.filter(|_| errors.is_empty()) else { return Err(errors) };
        Ok(SourceConfig {
            path: PathBuf::from(&raw.path),
            shown: raw.path,
            at_end: if raw.follow { AtEnd::Follow } else { AtEnd::Stop },
            format,
            max_line_bytes: max_line_bytes.as_usize(),
            start: raw.start,
        })
    }

    pub(crate) fn at(self, place: &Place<'_>) -> Self {
        Self { path: place.base_dir.join(&self.path), ..self }
    }
}

fn compile(rule: &EnvelopeConfig, errors: &mut Vec<ConfigError>) -> Option<Format> {
    let transport = Transport { names: TRANSPORT_NAMES, default_id: DEFAULT_ID };
    let envelope = config::keep(Envelope::compile(rule, transport), "/envelope", errors)?;
    Some(Format::Lines(Box::new(envelope)))
}

fn check_path(path: &str, errors: &mut Vec<ConfigError>) {
    if path.is_empty() || Path::new(path).file_name().is_none() {
        errors.push(ConfigError::new("/path", "must name a file"));
    }
    if path.contains('\0') {
        errors.push(ConfigError::new("/path", "must not contain a NUL character"));
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawSink {
    path: String,
    max_bytes: Option<Size>,
    keep: Option<u32>,
}

/// A file sink, checked.
#[derive(Clone, Debug)]
pub(crate) struct SinkConfig {
    /// As written in the document; what operators look for.
    pub(crate) shown: String,
    /// Relative to the place of the document until [`SinkConfig::at`].
    pub(crate) path: PathBuf,
    pub(crate) rotation: Option<Rotation>,
}

/// When a sink's file is moved aside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rotation {
    /// A file grows no larger, unless a single event is.
    pub(crate) max_bytes: u64,
    /// How many full files are kept: `path.1` (newest) to `path.keep`.
    pub(crate) keep: u32,
}

impl SinkConfig {
    pub(crate) fn read(value: &Value) -> Result<Self, Vec<ConfigError>> {
        let raw: RawSink = config::parse(value)?;
        let mut errors = Vec::new();
        check_path(&raw.path, &mut errors);
        if raw.max_bytes == Some(Size(0)) {
            errors.push(ConfigError::new("/maxBytes", "must be more than 0"));
        }
        match raw.keep {
            Some(keep) if !(1..=KEEP_MAX).contains(&keep) => {
                errors.push(ConfigError::new("/keep", format!("must be between 1 and {KEEP_MAX}")));
            }
            Some(_) if raw.max_bytes.is_none() => {
                let error = ConfigError::new("/keep", "without `maxBytes` there is no rotation");
                errors.push(error.hint("add `maxBytes: 100Mi`"));
            }
            Some(_) | None => {}
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let keep = raw.keep.unwrap_or(KEEP_DEFAULT);
        let rotation = raw.max_bytes.map(|Size(max_bytes)| Rotation { max_bytes, keep });
        Ok(SinkConfig { path: PathBuf::from(&raw.path), shown: raw.path, rotation })
    }

    pub(crate) fn at(self, place: &Place<'_>) -> Self {
        Self { path: place.base_dir.join(&self.path), ..self }
    }
}
