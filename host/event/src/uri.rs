//! URIs and URI-references (RFC 3986), as far as telling them from what is none.

/// What a byte is in a URI.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Never,
    /// Unreserved, sub-delims, and `: @ / ?`: wherever they stand.
    Plain,
    /// `%`, `#`, `[` and `]`: with conditions.
    Conditional,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Never; 256];
    let plain = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/?";
    let mut at = 0;
    while at < plain.len() {
        classes[plain[at] as usize] = Class::Plain;
        at += 1;
    }
    classes[b'%' as usize] = Class::Conditional;
    classes[b'#' as usize] = Class::Conditional;
    classes[b'[' as usize] = Class::Conditional;
    classes[b']' as usize] = Class::Conditional;
    classes
};

/// A URI-reference (section 4.1): absolute or relative; not empty here, as CloudEvents wants it.
#[inline]
pub(crate) fn is_reference(text: &[u8]) -> bool {
    !text.is_empty() && made_of_uri_characters(text) && scheme_end(text).is_ok()
}

/// A URI with a scheme. A fragment is accepted although section 4.3 (`absolute-URI`) has none: schema registries use it.
pub(crate) fn is_absolute(text: &[u8]) -> bool {
    made_of_uri_characters(text) && matches!(scheme_end(text), Ok(Some(_)))
}

#[inline]
fn made_of_uri_characters(text: &[u8]) -> bool {
    let plain = text.iter().all(|&byte| CLASSES[usize::from(byte)] == Class::Plain);
    plain || conditions_hold(text)
}

/// The colon after the scheme; `Err` where a colon stands in the first segment but no scheme before it.
fn scheme_end(text: &[u8]) -> Result<Option<usize>, ()> {
    match text.iter().position(|byte| matches!(byte, b':' | b'/' | b'?' | b'#')) {
        Some(at) if text[at] == b':' => {
            let scheme = &text[..at];
            let starts = scheme.first().is_some_and(u8::is_ascii_alphabetic);
            let goes_on = scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
            if starts && goes_on { Ok(Some(at)) } else { Err(()) }
        }
        _ => Ok(None),
    }
}

/// Percent signs come before two hex digits, one `#` at most, brackets only around the host.
fn conditions_hold(text: &[u8]) -> bool {
    let host = bracketed_host(text);
    let mut fragment = false;
    text.iter().enumerate().all(|(at, &byte)| match byte {
        b'%' => text.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
        b'#' => !std::mem::replace(&mut fragment, true),
        b'[' => host.as_ref().is_some_and(|host| at == host.start),
        b']' => host.as_ref().is_some_and(|host| at + 1 == host.end),
        _ => CLASSES[usize::from(byte)] == Class::Plain,
    })
}

/// Where `[…]` stands as the host of an authority.
fn bracketed_host(text: &[u8]) -> Option<std::ops::Range<usize>> {
    let start = match scheme_end(text) {
        Ok(Some(colon)) => colon + 1,
        Ok(None) => 0,
        Err(()) => return None,
    };
    let authority = text[start..].strip_prefix(b"//")?;
    let authority = authority.split(|byte| matches!(byte, b'/' | b'?' | b'#')).next()?;
    let user = authority.iter().rposition(|&byte| byte == b'@').map_or(0, |at| at + 1);
    let host = &authority[user..];
    let end = host.iter().position(|&byte| byte == b']')?;
    let port = host[end + 1..].strip_prefix(b":").unwrap_or(&host[end + 1..]);
    let inner = host.strip_prefix(b"[").map_or(&[][..], |_| &host[1..end]);
    let well_formed = !inner.is_empty() && port.iter().all(u8::is_ascii_digit);
    let first = start + 2 + user;
    well_formed.then_some(first..first + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        let good = "/shop/eu|https://github.com/cloudevents?a=b#c|urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66|\
                    mailto:cncf@lists.cncf.io|1-555-123-4567|a/b:c|?q|#f|//host/x|/a%20b|http://[::1]:80/x|\
                    http://u:p@[fe80::1]/|.|~x|sensors/tn-1234567/alerts";
        let bad =
            "|a b|/grüße|/a%2|/a%zz|1a:b|:b|a\\b|<x>|#a#b|/a[1]|http://x/[::1]|http://[]/|\"|{a}|a^b|x|http://[::1"
                .replace("|x|", "|");
        for text in good.split('|') {
            assert!(is_reference(text.as_bytes()), "{text}");
        }
        for text in bad.split('|') {
            assert!(!is_reference(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn absolute_uris_have_a_scheme() {
        for text in ["http://x/y.json", "urn:a", "https://x/s.json#/definitions/y"] {
            assert!(is_absolute(text.as_bytes()), "{text}");
        }
        for text in ["", "/x", "x", "1a:b", "//h/x", "http://x y"] {
            assert!(!is_absolute(text.as_bytes()), "{text}");
        }
    }
}
