//! Conditions: the filter dialects of CloudEvents Subscriptions 1.0 (section 3.2.4), and event patterns.

mod cesql;
mod pattern;

use crate::{
    codes,
    diagnostic::quoted,
    mistakes::{Mistakes, did_you_mean},
    spec::Condition,
    text::At,
    tree::{Entry, Kind, Node},
};

/// Conditions in one another; each level is a call in the check of every event.
const DEPTH_MAX: usize = 16;
/// Conditions in one place (a match entry, a target), counting every attribute that is compared.
const COUNT_MAX: usize = 1_024;

/// `sql` is `cesql`: CloudEvents Subscriptions calls it so.
const DIALECTS: [&str; 9] = ["exact", "prefix", "suffix", "all", "any", "not", "cesql", "sql", "pattern"];

/// CloudEvents 1.0.2, section "Context Attributes".
const CORE: [&str; 8] = ["id", "source", "specversion", "type", "datacontenttype", "dataschema", "subject", "time"];

/// The only condition of its place.
pub(super) fn read_one(node: &Node, extensions: &[String], mistakes: &mut Mistakes<'_>) -> Option<Condition> {
    Reader { extensions, count: 0, mistakes }.condition(node, 1)
}

/// A condition without the mapping around it, by its key.
pub(super) fn read_dialect(entry: &Entry, extensions: &[String], mistakes: &mut Mistakes<'_>) -> Option<Condition> {
    Reader { extensions, count: 0, mistakes }.dialect(entry, 1)
}

/// Conditions of which all must hold.
pub(super) fn read_list(node: &Node, extensions: &[String], mistakes: &mut Mistakes<'_>) -> Vec<Condition> {
    let items = mistakes.filled_list(node, "`filters`").unwrap_or_default();
    Reader { extensions, count: 0, mistakes }.conditions(items, 1)
}

/// `extensions: [name]`: attribute names that are meant although they look like a slip of the pen.
pub(super) fn extensions(node: Option<&Node>, mistakes: &mut Mistakes<'_>) -> Vec<String> {
    let Some(items) = node.and_then(|node| mistakes.list(node, "`extensions`")) else { return Vec::new() };
    let mut names = Vec::new();
    for item in items {
        if let Some(name) = mistakes.string(item, "an extension")
            && attribute_name(name, item.at, mistakes)
        {
            names.push(name.to_owned());
        }
    }
    names
}

fn dialects() -> String {
    format!("it is one of {}", DIALECTS.join(", "))
}

struct Reader<'r, 't> {
    extensions: &'r [String],
    count: usize,
    mistakes: &'r mut Mistakes<'t>,
}

impl Reader<'_, '_> {
    fn conditions(&mut self, items: &[Node], depth: usize) -> Vec<Condition> {
        items.iter().filter_map(|item| self.condition(item, depth)).collect()
    }

    fn condition(&mut self, node: &Node, depth: usize) -> Option<Condition> {
        let Kind::Map(entries) = &node.kind else {
            self.mistakes.wrong_type(node, "a condition", "a mapping like `{exact: {type: com.acme.order}}`");
            return None;
        };
        if depth > DEPTH_MAX {
            let message = format!("conditions are nested more than {DEPTH_MAX} deep");
            self.mistakes.add(codes::CONDITION_TOO_LARGE, node.at, message);
            return None;
        }
        let [entry] = entries.as_slice() else {
            let (problem, hint) = match entries.is_empty() {
                true => ("an empty condition", dialects()),
                false => {
                    ("a condition with more than one key", "to demand several, write `all: [{…}, {…}]`".to_owned())
                }
            };
            self.mistakes.hint(codes::ONE_DIALECT, node.at, problem, hint);
            return None;
        };
        self.count(1, entry.at)?;
        self.dialect(entry, depth)
    }

    fn dialect(&mut self, entry: &Entry, depth: usize) -> Option<Condition> {
        match entry.key.as_str() {
            "exact" => self.pairs(entry).map(Condition::Exact),
            "prefix" => self.pairs(entry).map(Condition::Prefix),
            "suffix" => self.pairs(entry).map(Condition::Suffix),
            "all" => self.list(entry, depth).map(Condition::All),
            "any" => self.list(entry, depth).map(Condition::Any),
            "not" => self.condition(&entry.value, depth + 1).map(|c| Condition::Not(Box::new(c))),
            "cesql" | "sql" => cesql::read(self, entry),
            "pattern" => pattern::read(self, entry),
            key => {
                let meant = did_you_mean(key, &DIALECTS);
                let hint = meant.map_or_else(dialects, |word| format!("did you mean `{word}`?"));
                self.mistakes.hint(codes::ONE_DIALECT, entry.at, format!("no condition named {}", quoted(key)), hint);
                None
            }
        }
    }

    fn list(&mut self, entry: &Entry, depth: usize) -> Option<Vec<Condition>> {
        let items = self.mistakes.filled_list(&entry.value, &format!("`{}`", entry.key))?;
        Some(self.conditions(items, depth + 1))
    }

    fn pairs(&mut self, entry: &Entry) -> Option<Vec<(String, String)>> {
        let what = format!("`{}`", entry.key);
        let Kind::Map(entries) = &entry.value.kind else {
            self.mistakes.wrong_type(&entry.value, &what, "a mapping of attributes");
            return None;
        };
        if entries.is_empty() {
            self.mistakes.add(codes::EMPTY, entry.value.at, format!("{what} compares nothing"));
        }
        self.count(entries.len(), entry.at)?;
        entries.iter().map(|entry| self.pair(entry)).collect::<Vec<_>>().into_iter().collect()
    }

    fn pair(&mut self, entry: &Entry) -> Option<(String, String)> {
        let named = attribute_name(&entry.key, entry.at, self.mistakes) && self.attribute_known(&entry.key, entry.at);
        let value = self.mistakes.string(&entry.value, &format!("the value of {}", quoted(&entry.key)))?;
        if value.is_empty() {
            let hint = "attributes are never empty, so nothing would differ from it";
            self.mistakes.hint(
                codes::ATTRIBUTE_VALUE,
                entry.value.at,
                format!("{} is compared with nothing", quoted(&entry.key)),
                hint,
            );
            return None;
        }
        named.then(|| (entry.key.clone(), value.to_owned()))
    }

    /// Extensions may have any name; one that is nearly that of a core attribute must be meant.
    fn attribute_known(&mut self, name: &str, at: At) -> bool {
        if CORE.contains(&name) || self.extensions.iter().any(|extension| extension == name) {
            return true;
        }
        let Some(core) = near_core_attribute(name) else { return true };
        let hint = format!("did you mean `{core}`? To use an extension, list it under `extensions:`");
        self.mistakes.hint(codes::UNKNOWN_ATTRIBUTE, at, format!("no attribute named {}", quoted(name)), hint);
        false
    }

    fn count(&mut self, more: usize, at: At) -> Option<()> {
        let before = self.count;
        self.count += more;
        if before <= COUNT_MAX && self.count > COUNT_MAX {
            self.mistakes.add(codes::CONDITION_TOO_LARGE, at, format!("more than {COUNT_MAX} conditions in one place"));
        }
        (self.count <= COUNT_MAX).then_some(())
    }
}

/// CloudEvents 1.0.2, section "Naming Conventions".
pub(super) fn attribute_name(name: &str, at: At, mistakes: &mut Mistakes<'_>) -> bool {
    if name == "data" || name == "data_base64" {
        let hint = "these conditions decide on attributes; `pattern` looks into JSON data";
        mistakes.hint(codes::ATTRIBUTE_NAME, at, format!("`{name}` is not an attribute"), hint);
        return false;
    }
    let good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !good {
        let lower: String = name.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
        let hint = match lower.is_empty() {
            true => "names of attributes are lower-case letters and digits".to_owned(),
            false => format!("names of attributes are lower-case letters and digits: did you mean {}?", quoted(&lower)),
        };
        mistakes.hint(codes::ATTRIBUTE_NAME, at, format!("no name of an attribute: {}", quoted(name)), hint);
    }
    good
}

/// The core attribute a name differs from by one letter, or by two where it is long enough that this is no other word.
fn near_core_attribute(name: &str) -> Option<&'static str> {
    if name.len() > 32 {
        return None;
    }
    // `id` is left out: half of all two- and three-letter extensions are one letter from it.
    CORE.into_iter().filter(|core| *core != "id").find(|core| {
        let allowed = if core.len() <= 4 { 1 } else { 2 };
        strsim::osa_distance(name, core) <= allowed
    })
}
