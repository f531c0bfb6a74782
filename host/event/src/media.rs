//! Media types (RFC 2046, RFC 6838): is it one, does it say JSON, does it say text.

/// A type, a slash, a subtype, and parameters of printable characters if any (which are not looked into).
pub(crate) fn is_media_type(text: &[u8]) -> bool {
    if text == b"application/json" {
        return true;
    }
    let (essence, parameters) = split(text);
    let Some(slash) = essence.iter().position(|&byte| byte == b'/') else { return false };
    let printable = parameters.iter().all(|byte| matches!(byte, b' '..=b'~'));
    is_token(&essence[..slash]) && is_token(&essence[slash + 1..]) && printable
}

/// Whether data of this type is JSON: a subtype `json`, or one that ends with `+json` (JSON format 1.0.2, section 3.1).
pub(crate) fn is_json(text: &[u8]) -> bool {
    if text == b"application/json" {
        return true;
    }
    let (essence, _) = split(text);
    let Some(slash) = essence.iter().position(|&byte| byte == b'/') else { return false };
    let subtype = &essence[slash + 1..];
    let suffix = subtype.len().checked_sub(5).map(|at| &subtype[at..]);
    subtype.eq_ignore_ascii_case(b"json") || suffix.is_some_and(|end| end.eq_ignore_ascii_case(b"+json"))
}

/// Whether data of this type is text that can stand in a JSON string: `text/*`, XML, and types with a UTF-8 charset.
pub(crate) fn is_text(text: &[u8]) -> bool {
    let (essence, parameters) = split(text);
    let lower = essence.to_ascii_lowercase();
    let utf8 = parameters.to_ascii_lowercase().windows(13).any(|part| part == b"charset=utf-8");
    lower.starts_with(b"text/") || lower.ends_with(b"/xml") || lower.ends_with(b"+xml") || utf8
}

/// The part before the parameters, without blanks around it, and the parameters.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&byte| byte == b';').unwrap_or(text.len());
    (text[..end].trim_ascii(), &text[end..])
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &[u8]) -> bool {
    let tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(tchar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types() {
        for text in ["text/plain", "application/json; charset=utf-8", "application/vnd.x.v1+json", "a/b;x=\"y z\""] {
            assert!(is_media_type(text.as_bytes()), "{text}");
        }
        for text in ["", "json", "a/", "/b", "a b/c", "a/b/c", "text/plän", "a/b;\u{e9}"] {
            assert!(!is_media_type(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn json_by_subtype_or_suffix() {
        for text in ["application/json", "Text/JSON;charset=utf-8", "application/cloudevents+json", "x/y+JSON ; a=b"] {
            assert!(is_json(text.as_bytes()), "{text}");
        }
        for text in ["application/jsonl", "json", "text/plain;x=a/json", "application/json+xml", "a/+jso"] {
            assert!(!is_json(text.as_bytes()), "{text}");
        }
    }
}
