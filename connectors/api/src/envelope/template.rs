//! Templates: literal text with `${…}`. Compiled once; filling allocates the result only.

use std::fmt::{Display, Write};

use sha2::{Digest, Sha256};

use super::fields::{Found, Wanted};
use crate::ConfigError;
use crate::config::closest;

/// What a template may name while it is compiled.
pub(super) struct Scope<'a> {
    pub(super) names: &'a [&'a str],
    pub(super) wanted: &'a mut Wanted,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Literal(String),
    /// Slot of the wanted field, and its path for errors.
    Field(usize, String),
    /// Index into the transport's values.
    Transport(usize),
    Hash,
}

impl Template {
    /// Reads a template; the error has no pointer yet.
    pub(super) fn compile(text: &str, scope: Scope<'_>) -> Result<Template, ConfigError> {
        let error = |problem: String| ConfigError::new("", problem);
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            literal.push_str(&rest[..dollar]);
            rest = &rest[dollar + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                literal.push('$');
                rest = after;
                continue;
            }
            let Some(inside) = rest.strip_prefix('{') else {
                return Err(error(format!("`$` without `{{` in `{text}`")).hint("write `$$` for a dollar sign"));
            };
            let Some(end) = inside.find('}') else {
                return Err(error(format!("`${{` without `}}` in `{text}`")));
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Self::part(&inside[..end], scope.names, scope.wanted)?);
            rest = &inside[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Template(parts))
    }

    fn part(name: &str, names: &[&str], wanted: &mut Wanted) -> Result<Part, ConfigError> {
        if let Some(path) = name.strip_prefix("data.") {
            if path.split('.').any(str::is_empty) {
                return Err(ConfigError::new("", format!("`${{{name}}}` has an empty path segment")));
            }
            return Ok(Part::Field(wanted.want(path), path.to_owned()));
        }
        if name == "hash" {
            return Ok(Part::Hash);
        }
        if let Some(index) = names.iter().position(|known| *known == name) {
            return Ok(Part::Transport(index));
        }
        let error = ConfigError::new("", format!("nothing is called `{name}` here"));
        Err(match closest(name, names.iter().copied().chain(["hash"])) {
            Some(near) => error.hint(format!("did you mean `${{{near}}}`?")),
            None => error.hint(format!("for a field of the message write `${{data.{name}}}`")),
        })
    }

    /// The text, from what was found in the message and what the transport knows.
    pub(super) fn fill(&self, message: &[u8], found: &Found, transport: &[&dyn Display]) -> Result<String, String> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Field(slot, path) => text.push_str(found.scalar(*slot, path)?),
                Part::Transport(index) => {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "{}", transport[*index]);
                }
                Part::Hash => {
                    // 64 bits: ids need to differ within one source, not to withstand an attacker.
                    for byte in &Sha256::digest(message)[..8] {
                        let _ = write!(text, "{byte:02x}");
                    }
                }
            }
        }
        Ok(text)
    }
}
