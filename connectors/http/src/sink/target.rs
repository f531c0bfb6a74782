//! Where to post: a URL, taken apart once.

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};

/// A URL in the parts that each request needs; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Scheme, host and path: what operators look for. The query may hold a token and is not shown.
    pub(super) shown: String,
    pub(super) https: bool,
    /// Without the brackets of an IPv6 address, in lower case.
    pub(super) host: String,
    pub(super) port: u16,
    /// The `Host` header.
    pub(super) authority: HeaderValue,
    /// Path and query, for HTTP/1.
    pub(super) origin_form: Uri,
    /// The whole, for HTTP/2.
    pub(super) absolute_form: Uri,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Target, String> {
        if url.contains('#') {
            return Err("must have no fragment".to_owned());
        }
        // `host:8080/path` would be read as a path, or as a scheme named `host`.
        if !url.contains("://") {
            return Err(format!(
                "must begin with `http://` or `https://`, as in `http://{}`",
                url.trim_start_matches('/')
            ));
        }
        let uri: Uri = url.parse().map_err(|error| format!("is no URL: {error}"))?;
        let https = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(_) | None => return Err("must begin with `http://` or `https://`".to_owned()),
        };
        let authority = uri.authority().ok_or("has no host")?;
        if authority.as_str().contains('@') {
            return Err("must have no user or password; use `auth`".to_owned());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() {
            return Err("has no host".to_owned());
        }
        let port = port(authority, if https { 443 } else { 80 })?;
        let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let shown = format!("{}://{authority}{}", if https { "https" } else { "http" }, path.path());
        let authority = HeaderValue::from_str(authority.as_str()).map_err(|_| "has no valid host")?;
        Ok(Target { shown, https, host, port, authority, origin_form: Uri::from(path), absolute_form: uri })
    }
}

fn port(authority: &Authority, default: u16) -> Result<u16, String> {
    let after_host = &authority.as_str()[authority.host().len()..];
    match (authority.port_u16(), after_host) {
        (Some(0), _) => Err("has port 0".to_owned()),
        (Some(port), _) => Ok(port),
        (None, "") => Ok(default),
        (None, rest) => Err(format!("`{rest}` is no port")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let check = |url: &str, expected: (bool, &str, u16, &str, &str)| {
            let target = Target::parse(url).unwrap();
            let host_header = target.authority.to_str().unwrap();
            let found = (target.https, &*target.host, target.port, host_header, &*target.origin_form.to_string());
            assert_eq!(found, expected, "{url}");
        };
        check("http://App.example", (false, "app.example", 80, "App.example", "/"));
        check("https://app.example/a?b=c", (true, "app.example", 443, "app.example", "/a?b=c"));
        check("http://localhost:3000/", (false, "localhost", 3000, "localhost:3000", "/"));
        check("http://[::1]:8080/x", (false, "::1", 8080, "[::1]:8080", "/x"));
        assert_eq!(Target::parse("https://a.example/p?token=s3cret").unwrap().shown, "https://a.example/p");
    }

    #[test]
    fn where_the_scheme_is_missing_the_hint_has_one() {
        let problem = Target::parse("localhost:3000/events").unwrap_err();
        assert_eq!(problem, "must begin with `http://` or `https://`, as in `http://localhost:3000/events`");
    }

    #[test]
    fn what_is_no_target_is_refused() {
        let urls =
            ["", "app", "/events", "ftp://a", "http://", "http://u:p@a/", "http://a/#x", "http://a:0/", "http://a:x/"];
        for url in urls {
            assert!(Target::parse(url).is_err(), "{url}");
        }
    }
}
