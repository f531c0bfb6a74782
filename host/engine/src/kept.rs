//! Whether what a component returned stays where it lies until it is called again: nothing of it runs when a call is over.
//!
//! A component may name a function (`post-return`) that is called after each call, to free what was returned. Where it names none, a
//! reply can be read in the guest's own memory.

use wasmparser::{CanonicalFunction, CanonicalOption, Parser, Payload};

/// Looks at every lifted function. What cannot be read is taken for one that frees.
pub(crate) fn keeps_replies(component: &[u8]) -> bool {
    Parser::new(0).parse_all(component).all(|payload| match payload {
        Ok(Payload::ComponentCanonicalSection(functions)) => functions.into_iter().all(|function| match function {
            Ok(CanonicalFunction::Lift { options, .. }) => options.iter().all(is_plain),
            Ok(_) => true,
            Err(_) => false,
        }),
        Ok(_) => true,
        Err(_) => false,
    })
}

fn is_plain(option: &CanonicalOption) -> bool {
    matches!(
        option,
        CanonicalOption::UTF8
            | CanonicalOption::UTF16
            | CanonicalOption::CompactUTF16
            | CanonicalOption::Memory(_)
            | CanonicalOption::Realloc(_)
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn component(options: &str) -> Vec<u8> {
        let text = format!(
            r#"(component
                (core module $m
                    (memory (export "memory") 1)
                    (func (export "f") (result i32) i32.const 0)
                    (func (export "post") (param i32)))
                (core instance $i (instantiate $m))
                (func (export "f") (result string)
                    (canon lift (core func $i "f") (memory $i "memory") {options})))"#
        );
        wat::parse_str(text).unwrap()
    }

    #[test]
    fn a_component_without_post_return_keeps_what_it_returned() {
        assert!(keeps_replies(&component("")));
        assert!(!keeps_replies(&component(r#"(post-return (func $i "post"))"#)));
    }

    #[test]
    fn what_cannot_be_read_is_not_relied_on() {
        let whole = component("");
        assert!(!keeps_replies(&whole[..whole.len() - 1]));
        assert!(!keeps_replies(b"no component"));
    }
}
