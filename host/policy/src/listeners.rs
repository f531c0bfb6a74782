//! Sources that listen: of two at one address only one could be opened.

use std::net::SocketAddr;

use crate::{Diagnostic, Options, codes, set::Set, spec::Source};

/// Each source that is read and listens where one before it does. Sources that no route reads are not opened.
pub(crate) fn check(set: &Set, options: &Options<'_>) -> Vec<Diagnostic> {
    let sources = set.sources.iter().filter(|draft| draft.sound).map(|draft| &draft.document);
    let mut known: Vec<(&Source, SocketAddr)> = Vec::new();
    let mut found = Vec::new();
    for source in sources.filter(|source| set.routes_from(source).next().is_some()) {
        let connector = &source.connector;
        let Some(address) = options.connectors.listens_at(&connector.name, &connector.config) else { continue };
        match known.iter().find(|(_, other)| collide(*other, address)) {
            Some((first, other)) => found.push(taken(source, address, first, *other)),
            None => known.push((source, address)),
        }
    }
    found
}

/// Port 0 is any that is free; an address that stands for all of the machine takes the port of each.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
    one.port() == other.port() && one.port() != 0 && (a == b || a.is_unspecified() || b.is_unspecified())
}

fn taken(source: &Source, address: SocketAddr, first: &Source, other: SocketAddr) -> Diagnostic {
    let message = format!(
        "the source `{}` listens at {address}, where the source `{}` listens already ({other})",
        source.meta.id, first.meta.id
    );
    let hint = "give it another port; or have one source, and routes with conditions".to_owned();
    let pointer = format!("/spec/{}", source.connector.name);
    source.meta.places.diagnostic(codes::SAME_ADDRESS, &pointer, message, Some(hint))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn addresses_collide_where_the_system_would_refuse_the_second() {
        for (one, other, expected) in [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "127.0.0.1:81", false),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("127.0.0.1:80", "0.0.0.0:80", true),
            ("[::]:80", "127.0.0.1:80", true),
            ("[::1]:80", "127.0.0.1:80", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
        ] {
            let (a, b) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!((collide(a, b), collide(b, a)), (expected, expected), "{one} {other}");
        }
    }
}
