//! A rule of the document, with the headers and parameters it names.

use std::fmt::Display;

use bytes::Bytes;
use http::HeaderName;
use http::request::Parts;
use tidegate_connector::ConfigError;
use tidegate_connector::envelope::{Envelope, EnvelopeConfig, Transport};
use tidegate_event::Event;

use super::request::{self, RequestId};
use crate::identity::CREDENTIALS;

#[derive(Clone, Debug)]
pub(super) struct Rule {
    envelope: Envelope,
    /// In the order in which the envelope gets their values.
    names: Vec<Name>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Method,
    Path,
    Host,
    Remote,
    RequestId,
    Header(String),
    Query(String),
}

const FIXED: [(&str, Name); 5] = [
    ("method", Name::Method),
    ("path", Name::Path),
    ("host", Name::Host),
    ("remote", Name::Remote),
    ("requestid", Name::RequestId),
];
const DEFAULT_ID: &str = "${requestid}";

impl Rule {
    pub(super) fn compile(config: &EnvelopeConfig) -> Result<Rule, Vec<ConfigError>> {
        let mut used: Vec<(&str, Name)> = Vec::new();
        for name in templates(config).into_iter().flat_map(placeholders) {
            match named(name) {
                Some(found) if !used.iter().any(|(known, _)| *known == name) => used.push((name, found)),
                _ => {}
            }
        }
        let mut names: Vec<&str> = used.iter().map(|(name, _)| *name).collect();
        // The others follow for the sake of "did you mean", and get no value.
        names.extend(FIXED.iter().map(|(name, _)| *name));
        let envelope = Envelope::compile(config, Transport { names: &names, default_id: DEFAULT_ID })?;
        Ok(Rule { envelope, names: used.into_iter().map(|(_, name)| name).collect() })
    }

    pub(super) fn wrap(&self, request: &Parts, body: Bytes) -> Result<Event, String> {
        let id = RequestId { request, body: &body };
        let values: Result<Vec<Box<dyn Display + '_>>, String> = self.names.iter().map(|name| name.of(&id)).collect();
        let values = values?;
        let values: Vec<&dyn Display> = values.iter().map(|value| &**value as &dyn Display).collect();
        self.envelope.wrap(body.clone(), &values)
    }
}

impl Name {
    fn of<'r>(&'r self, id: &'r RequestId<'r>) -> Result<Box<dyn Display + 'r>, String> {
        let request = id.request;
        Ok(match self {
            Name::Method => Box::new(request.method.as_str()),
            Name::Path => Box::new(request.uri.path()),
            Name::Host => Box::new(request::host(request)?),
            Name::Remote => Box::new(request::remote(request)?),
            Name::RequestId => Box::new(RequestId { request, body: id.body }),
            Name::Header(name) => Box::new(request::header(request, name)?),
            Name::Query(name) => Box::new(request::query(request, name)?),
        })
    }
}

/// All templates of a rule.
fn templates(config: &EnvelopeConfig) -> Vec<&str> {
    let optional = [&config.subject, &config.time, &config.dataschema];
    let mut all = vec![config.ty.as_str(), &config.source, config.id.as_deref().unwrap_or(DEFAULT_ID)];
    all.extend(optional.into_iter().flatten().map(String::as_str));
    all.extend(config.extensions.values().map(String::as_str));
    all
}

/// What stands between `${` and `}`; whether the template is well formed is seen when it is compiled.
fn placeholders(template: &str) -> impl Iterator<Item = &str> {
    let unescaped = template.split("$$");
    unescaped.flat_map(|text| text.split("${").skip(1)).filter_map(|text| text.split_once('}')).map(|(name, _)| name)
}

fn named(name: &str) -> Option<Name> {
    if let Some((_, found)) = FIXED.iter().find(|(known, _)| *known == name) {
        return Some(found.clone());
    }
    if let Some(header) = name.strip_prefix("header.") {
        let header = HeaderName::try_from(header).ok().filter(|header| !CREDENTIALS.contains(&header.as_str()));
        return header.map(|header| Name::Header(header.as_str().to_owned()));
    }
    name.strip_prefix("query.").filter(|name| !name.is_empty()).map(|name| Name::Query(name.to_owned()))
}
