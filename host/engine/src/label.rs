//! What a component says on its outside: a custom section that `tidegate build` writes, so that a component can be known
//! without running it.
//!
//! It is a claim, no more. What counts is what the module itself answers to `describe`: verification compares the two and
//! refuses a module that says one thing outside and another inside. A component without the section is as good as any; it just cannot be
//! known before it runs.
//!
//! Format: a custom section of the component itself, named `tidegate:label`, that holds one JSON object; members that are not
//! known here are ignored.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::{error::LoadError, guest::Info, module::Kind};

const SECTION: &[u8] = b"tidegate:label";

/// What stands in the section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The module's own name.
    pub name: String,
    /// The module's own version.
    pub version: String,
    /// Interfaces it exports that decide.
    pub kinds: BTreeSet<Kind>,
    /// JSON Schema of its configuration.
    pub config_schema: Option<String>,
    /// `sha256:…` of the sources it was built from.
    pub source: Option<String>,
    /// Package and version of the SDK.
    pub sdk: Option<String>,
    /// Compiler and version.
    pub toolchain: Option<String>,
}

impl Label {
    /// The label of a component, if it has one.
    pub(crate) fn read(component: &[u8]) -> Result<Option<Label>, LoadError> {
        let Some(section) = section(component) else { return Ok(None) };
        let json: Value = serde_json::from_slice(section).map_err(|error| unreadable(&error.to_string()))?;
        let object = json.as_object().ok_or_else(|| unreadable("it is no JSON object"))?;
        let required = |key: &str| text(object, key)?.ok_or_else(|| unreadable(&format!("it has no `{key}`")));
        let label = Label {
            name: required("name")?,
            version: required("version")?,
            kinds: kinds(object)?,
            config_schema: text(object, "configSchema")?,
            source: text(object, "source")?,
            sdk: text(object, "sdk")?,
            toolchain: text(object, "toolchain")?,
        };
        Ok(Some(label))
    }

    /// Where the module says something else of itself; for people, naming both.
    pub(crate) fn differs(&self, info: &Info, kinds: &BTreeSet<Kind>) -> Option<String> {
        let schema = |schema: &Option<String>| match schema {
            None => "none".to_owned(),
            Some(text) => format!("one of {} bytes", text.len()),
        };
        let list = |kinds: &BTreeSet<Kind>| kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
        let differs = |what: &str, label: &str, described: &str| {
            format!("the {what} on its label is `{label}`, but it describes itself with `{described}`")
        };
        if self.name != info.name {
            return Some(differs("name", &self.name, &info.name));
        }
        if self.version != info.version {
            return Some(differs("version", &self.version, &info.version));
        }
        if self.config_schema != info.config_schema {
            let (label, described) = (schema(&self.config_schema), schema(&info.config_schema));
            return Some(format!(
                "the config schema on its label ({label}) is not the one it describes itself with ({described})"
            ));
        }
        (self.kinds != *kinds)
            .then(|| format!("by its label it is a {}, but it exports {}", list(&self.kinds), list(kinds)))
    }
}

fn unreadable(problem: &str) -> LoadError {
    LoadError::Label { problem: problem.to_owned() }
}

fn text(object: &Map<String, Value>, key: &str) -> Result<Option<String>, LoadError> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(unreadable(&format!("`{key}` is no string"))),
    }
}

fn kinds(object: &Map<String, Value>) -> Result<BTreeSet<Kind>, LoadError> {
    let names = object.get("kinds").and_then(Value::as_array).ok_or_else(|| unreadable("it has no `kinds`"))?;
    let known = |name: &Value| Kind::ALL.into_iter().find(|kind| name == kind.as_str());
    names.iter().map(|name| known(name).ok_or_else(|| unreadable(&format!("{name} is no kind of module")))).collect()
}

/// The contents of the custom section, of several the last: a tool that adds one appends it.
///
/// Format of a component: magic and version in 8 bytes, then sections: id, length as LEB128, contents. A custom section
/// (id 0) begins with its name, which is a length and bytes. Nested components have sections of their own; they are stepped over.
fn section(component: &[u8]) -> Option<&[u8]> {
    let mut rest = component.get(8..)?;
    let mut found = None;
    while let Some((id, after)) = rest.split_first() {
        let (length, after) = leb(after)?;
        let (contents, next) = after.split_at_checked(length)?;
        rest = next;
        if *id != 0 {
            continue;
        }
        let (length, named) = leb(contents)?;
        let (name, data) = named.split_at_checked(length)?;
        if name == SECTION {
            found = Some(data);
        }
    }
    found
}

fn leb(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_usize;
    for (place, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[place + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn component(json: &str) -> Vec<u8> {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        // A section of another kind, and a custom section of another name.
        bytes.extend([7, 1, 0, 0, 3, 2, b'x', b'y']);
        let mut contents = vec![u8::try_from(SECTION.len()).unwrap()];
        contents.extend(SECTION);
        contents.extend(json.as_bytes());
        let length = contents.len();
        bytes.push(0);
        bytes.extend([u8::try_from(length & 0x7f).unwrap() | 0x80, u8::try_from(length >> 7).unwrap()]);
        bytes.extend(contents);
        bytes
    }

    const FULL: &str = r#"{"name":"guard","version":"1.2.0","kinds":["filter"],"configSchema":"{}","source":"sha256:0","sdk":"s 1","toolchain":"t 1","more":1}"#;

    #[test]
    fn it_is_found_among_other_sections() {
        let label = Label::read(&component(FULL)).unwrap().unwrap();
        assert_eq!((label.name.as_str(), label.version.as_str()), ("guard", "1.2.0"));
        assert_eq!(label.kinds, BTreeSet::from([Kind::Filter]));
        assert_eq!(label.sdk.as_deref(), Some("s 1"));
    }

    #[test]
    fn without_one_nothing_is_known_and_what_is_cut_short_is_none() {
        let whole = component(FULL);
        for end in 0..whole.len() {
            assert_eq!(Label::read(&whole[..end]).unwrap(), None, "{end}");
        }
    }

    #[test]
    fn a_label_that_cannot_be_read_is_refused() {
        let problem = |json: &str| Label::read(&component(json)).unwrap_err().to_string();
        for (json, told) in [
            ("{", "EOF"),
            ("[]", "no JSON object"),
            ("{}", "no `name`"),
            (r#"{"name": 7}"#, "`name` is no string"),
            (r#"{"name": "a", "version": "1", "kinds": ["sieve"]}"#, "\"sieve\" is no kind"),
        ] {
            assert!(problem(json).contains(told), "{json}: {}", problem(json));
        }
    }

    #[test]
    fn what_differs_is_named_on_both_sides() {
        let label = Label::read(&component(FULL)).unwrap().unwrap();
        let info = |name: &str, version: &str, schema: Option<&str>| Info {
            name: name.to_owned(),
            version: version.to_owned(),
            config_schema: schema.map(str::to_owned),
        };
        let differs = |info: Info, kind: Kind| label.differs(&info, &BTreeSet::from([kind])).unwrap_or_default();
        assert_eq!(differs(info("guard", "1.2.0", Some("{}")), Kind::Filter), "");
        let told = differs(info("other", "1.2.0", Some("{}")), Kind::Filter);
        assert!(told.contains("`guard`") && told.contains("`other`"), "{told}");
        let told = differs(info("guard", "2.0.0", Some("{}")), Kind::Filter);
        assert!(told.contains("`1.2.0`") && told.contains("`2.0.0`"), "{told}");
        assert!(differs(info("guard", "1.2.0", None), Kind::Filter).contains("none"));
        assert!(differs(info("guard", "1.2.0", Some("{}")), Kind::Matcher).contains("exports matcher"));
    }
}
