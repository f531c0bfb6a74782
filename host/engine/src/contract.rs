//! Names of the contract: which interfaces and versions this host serves. The contract itself is `wit/tidegate.wit`.

use std::fmt;

/// The package that guests are written against.
pub(crate) const PACKAGE: &str = "tidegate:guest";

/// The version of the interfaces that the linker defines; all of 0.1.x is served.
pub(crate) const VERSION: &str = "0.1.0";

/// `major.minor` served: the current minor and, from 0.2 on, the one before.
const SERVED: &[(u64, u64)] = &[(0, 1)];

/// An interface name, taken apart: `tidegate:guest/filter@0.1.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InterfaceName<'a> {
    pub(crate) package: &'a str,
    pub(crate) interface: &'a str,
    pub(crate) version: &'a str,
}

impl<'a> InterfaceName<'a> {
    /// `None` for what is no interface of a package: a function or an instance with a plain name.
    pub(crate) fn parse(name: &'a str) -> Option<InterfaceName<'a>> {
        let (path, version) = name.split_once('@').unwrap_or((name, ""));
        let (package, interface) = path.split_once('/')?;
        package.contains(':').then_some(InterfaceName { package, interface, version })
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.package == PACKAGE
    }

    pub(crate) fn is_wasi(&self) -> bool {
        self.package.starts_with("wasi:")
    }

    pub(crate) fn is_served(&self) -> bool {
        let mut parts = self.version.split('.').map(str::parse::<u64>);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(_patch)), None) => SERVED.contains(&(major, minor)),
            _ => false,
        }
    }
}

/// `0.1`, for messages.
pub(crate) struct Served;

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (major, minor)) in SERVED.iter().enumerate() {
            let separator = if i == 0 { "" } else { " and " };
            write!(f, "{separator}{major}.{minor}.x")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_served_by_minor() {
        for (name, served) in [
            ("tidegate:guest/filter@0.1.0", true),
            ("tidegate:guest/filter@0.1.17", true),
            ("tidegate:guest/filter@0.9.0", false),
            ("tidegate:guest/filter@0.1.0-draft", false),
            ("tidegate:guest/filter@1.1.0", false),
            ("tidegate:guest/filter", false),
        ] {
            let parsed = InterfaceName::parse(name);
            assert_eq!(parsed.map(|n| n.is_served()), Some(served), "{name}");
        }
    }

    #[test]
    fn plain_names_are_no_interfaces() {
        assert_eq!(InterfaceName::parse("run"), None);
        assert_eq!(InterfaceName::parse("a/b"), None);
    }
}
