//! Where at a sink an event goes: a template over its attributes and the name a matcher gave it.

use tidegate_event::Event;
use tidegate_policy::spec::{TopicPart, TopicTemplate};

use crate::attribute::Attribute;

/// A template, ready to be filled.
///
/// ```
/// use tidegate_event::Event;
/// use tidegate_matching::Destination;
/// use tidegate_policy::spec::{TopicPart, TopicTemplate};
///
/// let parts = vec![TopicPart::Literal("bill.".into()), TopicPart::Attribute("subject".into())];
/// let destination = Destination::new(&TopicTemplate { parts });
/// let event = Event::builder().id("1").source("/s").ty("t").subject("eu").build().unwrap();
/// assert_eq!(destination.fill(&event, None).unwrap(), "bill.eu");
/// ```
#[derive(Clone, Debug)]
pub struct Destination(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Literal(Box<str>),
    Attribute(Box<str>, Attribute),
    Name,
}

/// Bytes of a topic; what Kafka takes.
const TOPIC_BYTES_MAX: usize = 249;

impl Destination {
    /// Resolves the names of attributes.
    pub fn new(template: &TopicTemplate) -> Destination {
        let part = |part: &TopicPart| match part {
            TopicPart::Literal(text) => Part::Literal(text.as_str().into()),
            TopicPart::Attribute(name) => Part::Attribute(name.as_str().into(), Attribute::named(name)),
            TopicPart::Name => Part::Name,
        };
        Destination(template.parts.iter().map(part).collect())
    }

    /// The topic of an event. `name` is the first of its names that the target wants.
    ///
    /// The error says why there is none: an attribute is missing, or holds what no topic can (only `A-Z a-z 0-9 . _ -`, no
    /// empty level), or the whole has more than 249 bytes.
    pub fn fill(&self, event: &Event, name: Option<&str>) -> Result<String, String> {
        let mut topic = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(text) => topic.push_str(text),
                Part::Attribute(called, attribute) => {
                    let mut found = false;
                    let fits = attribute.passes(event, |value| {
                        found = true;
                        topic.push_str(value);
                        value.bytes().all(is_topic_byte)
                    });
                    match (found, fits) {
                        (_, true) => {}
                        (true, false) => return Err(format!("`{called}` holds what a topic cannot")),
                        (false, false) => return Err(format!("the topic needs `{called}`, which is missing")),
                    }
                }
                Part::Name => {
                    let name = name.ok_or("the topic needs a name, and no matcher gave one")?;
                    if !name.bytes().all(|byte| byte == b'/' || is_topic_byte(byte)) {
                        return Err("its name holds what a topic cannot".to_owned());
                    }
                    topic.extend(name.chars().map(|c| if c == '/' { '.' } else { c }));
                }
            }
        }
        if topic.len() > TOPIC_BYTES_MAX {
            return Err(format!("its topic would have {} bytes, and {TOPIC_BYTES_MAX} is the most", topic.len()));
        }
        if topic.split('.').any(str::is_empty) {
            return Err("its topic would have an empty level".to_owned());
        }
        Ok(topic)
    }
}

fn is_topic_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn fill(subject: Option<&str>, name: Option<&str>) -> Result<String, String> {
        let event = Event::builder().id("1").source("/s").ty("com.acme.order");
        let event = match subject {
            Some(subject) => event.subject(subject),
            None => event,
        };
        let attribute = TopicPart::Attribute("subject".into());
        let parts = match name {
            Some(_) => vec![TopicPart::Name],
            None => vec![TopicPart::Literal("bill.".into()), attribute, TopicPart::Literal("-x".into())],
        };
        Destination::new(&TopicTemplate { parts }).fill(&event.build().unwrap(), name)
    }

    #[test]
    fn attributes_and_names_are_put_in() {
        assert_eq!(fill(Some("eu"), None).unwrap(), "bill.eu-x");
        assert_eq!(fill(None, Some("orders/eu/west")).unwrap(), "orders.eu.west");
    }

    #[test]
    fn an_event_cannot_leave_the_levels_it_is_given() {
        for hostile in ["", "*", ">", "a b", "a/b", ".a", "a..b", "ü"] {
            assert!(fill(Some(hostile).filter(|text| !text.is_empty()), None).is_err(), "{hostile:?}");
        }
        for hostile in ["orders//eu", "/orders", "orders/*", "orders/ü"] {
            assert!(fill(None, Some(hostile)).is_err(), "{hostile:?}");
        }
        assert!(fill(Some(&"a".repeat(250)), None).is_err());
    }
}
