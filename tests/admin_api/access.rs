//! Who may use the admin API, over what, and what becomes of everybody else.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::{Running, document, problem};
use crate::rig::request::request;
use crate::support::{digest, run};

const TOKENS: &str = "ann deploy word-of-ann\nbob read word-of-bob\neve tap word-of-eve\n";

fn with_tokens() -> Running {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("tokens"), TOKENS).expect("write");
    let file = dir.path().join("tokens").display().to_string();
    Running::again(dir, "", &["--documents-from-api", "--admin-tokens", &file])
}

/// A path for each operation that only looks, and one for each that changes something.
const LOOK: [&str; 6] =
    ["/v1/status", "/v1/documents", "/v1/generations", "/v1/history", "/v1/modules", "/v1/decisions?id=1"];
const CHANGE: [(&str, &str); 6] = [
    ("PUT", "/v1/documents/Sink/default/out"),
    ("DELETE", "/v1/documents/Sink/default/out"),
    ("POST", "/v1/documents"),
    ("POST", "/v1/rollback"),
    ("POST", "/v1/routes/default/main/pause"),
    ("PUT", "/v1/modules/sha256:00"),
];

#[test]
fn without_a_token_nobody_gets_in_and_without_the_role_nobody_does_it() {
    let host = with_tokens();
    let all = || LOOK.iter().map(|path| ("GET", *path)).chain(CHANGE);
    let ask = |method: &str, path: &str, token: Option<&str>| {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<(&str, &str)> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        request(&host.address, method, path, &headers, "").expect("an answer")
    };
    for (method, path) in all() {
        for token in [None, Some(""), Some("word"), Some("word-of-ann2")] {
            let answer = ask(method, path, token);
            problem(&answer, 401);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{method} {path}");
        }
        problem(&ask(method, path, Some("word-of-eve")), 403);
    }
    for (method, path) in CHANGE {
        let found = problem(&ask(method, path, Some("word-of-bob")), 403);
        assert!(found["detail"].as_str().unwrap_or_default().contains("deploy"), "{found}");
    }
    for path in LOOK {
        assert_eq!(ask("GET", path, Some("word-of-bob")).status, 200, "{path}");
        assert_eq!(ask("GET", path, Some("word-of-ann")).status, 200, "deploy includes read: {path}");
    }
    for (token, status) in
        [(None, 401), (Some("word-of-ann"), 403), (Some("word-of-bob"), 403), (Some("word-of-eve"), 400)]
    {
        problem(&ask("GET", "/v1/tap?at=nowhere", token), status);
    }
    for path in ["/livez", "/readyz", "/metrics", "/openapi.json"] {
        assert_eq!(ask("GET", path, None).status, 200, "{path}");
    }
    // Taken out of the file, it counts no more.
    fs::write(host.dir.path().join("tokens"), TOKENS.replace("word-of-bob", "another-word")).expect("write");
    problem(&ask("GET", "/v1/status", Some("word-of-bob")), 401);
    assert!(host.host.stop().success());
}

#[test]
fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let host = Running::api();
    let large = "x".repeat((1 << 20) + 1);
    problem(&host.call("PUT", "/v1/documents/Sink/default/out", &[], &large), 413);
    problem(&host.call("POST", "/v1/rollback", &[], &large), 413);
    // It says nothing about its length, and goes on and on.
    let mut stream = TcpStream::connect(&host.address).expect("connect");
    let head = format!(
        "POST /v1/rollback HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\ntransfer-encoding: chunked\r\n\r\n",
        host.token
    );
    stream.write_all(head.as_bytes()).expect("write");
    let chunk = format!("10000\r\n{}\r\n", "y".repeat(0x10000));
    for _ in 0..4 {
        // The host may have answered and closed already.
        if stream.write_all(chunk.as_bytes()).is_err() {
            break;
        }
    }
    let mut answer = [0; 64];
    let read = stream.read(&mut answer).expect("an answer");
    assert!(String::from_utf8_lossy(&answer[..read]).contains(" 413 "), "{:?}", &answer[..read]);
    assert!(host.host.stop().success());
}

#[test]
fn a_port_that_others_reach_has_no_api_without_tls() {
    let dir = tempfile::tempdir().expect("a folder");
    let host = Running::again(dir, "", &["--documents-from-api", "--admin", "0.0.0.0:0"]);
    let port = host.address.rsplit_once(':').expect("a port").1;
    let address = format!("127.0.0.1:{port}");
    let bearer = format!("Bearer {}", host.token);
    let answer = request(&address, "GET", "/v1/status", &[("authorization", bearer.as_str())], "").expect("an answer");
    problem(&answer, 403);
    assert_eq!(request(&address, "GET", "/livez", &[], "").expect("an answer").status, 200);
    assert!(host.host.stop().success());
}

/// A certificate that vouches for itself, and its key.
fn certificate(name: &str) -> (String, String) {
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let key = rcgen::KeyPair::generate().expect("a key");
    (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
}

#[test]
fn over_tls_tokens_and_client_certificates_count() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let ((server, server_key), (client, client_key)) = (certificate("host"), certificate("ci"));
    for (name, text) in
        [("server.pem", &server), ("server.key", &server_key), ("ci.pem", &client), ("ci.key", &client_key)]
    {
        fs::write(path(name), text).expect("write");
    }
    fs::write(path("tokens"), "cert:ci deploy\nbob read word-of-bob\n").expect("write");
    fs::write(path("word"), "word-of-bob\n").expect("write");
    fs::write(path("sink.yaml"), document("Sink", "out", "{file: {path: out.jsonl}}")).expect("write");
    let (cert, key, ca, tokens) = (path("server.pem"), path("server.key"), path("ci.pem"), path("tokens"));
    let (mine, mine_key, word) = (path("ci.pem"), path("ci.key"), path("word"));
    let args = ["--documents-from-api", "--admin-tls-cert", &cert, "--admin-tls-key", &key, "--admin-client-ca", &ca];
    let args: Vec<&str> = args.into_iter().chain(["--admin-tokens", &tokens]).collect();
    let host = Running::again(dir, "", &args);
    let port = host.address.rsplit_once(':').expect("a port").1;
    let admin = format!("localhost:{port}");
    let ask = |args: &[&str]| {
        run(host.dir.path(), &args.iter().copied().chain(["--admin", &admin, "--ca", &cert]).collect::<Vec<_>>())
    };
    let said = ask(&["status", "-o", "json"]).ended(1).stderr;
    assert!(said.contains("Bearer"), "{said}");
    ask(&["status", "--token-file", &word]).fine();
    let said = ask(&["apply", "sink.yaml", "--token-file", &word]).ended(1).stderr;
    assert!(said.contains("bob has not the role `deploy`"), "{said}");
    ask(&["apply", "sink.yaml", "--cert", &mine, "--key", &mine_key]).fine();
    let history = ask(&["history", "-o", "json", "--token-file", &word]).fine();
    assert!(history.contains(r#""who": "ci""#), "{history}");
    assert!(host.host.stop().success());
}

#[test]
fn references_lead_nowhere_but_to_digests() {
    let host = Running::api();
    let code = b"\0asm not really";
    for path in ["..%2f..%2fhistory.jsonl", "sha256:..%2f..%2fpin", "sha256:", "%00", "sha256%3A00"] {
        problem(&host.call("PUT", &format!("/v1/modules/{path}"), &[], code), 400);
    }
    let other = digest(b"something else");
    let found = problem(&host.call("PUT", &format!("/v1/modules/{other}"), &[], code), 422);
    assert!(found["detail"].as_str().unwrap_or_default().contains(&digest(code)), "{found}");
    problem(&host.call("GET", "/v1/generations/..%2fhistory", &[], ""), 404);
    problem(&host.call("GET", "/v1/documents/Sink/default/..%2f..%2fpin", &[], ""), 400);
    assert_eq!(host.get("/v1/modules")["modules"].as_array().map(Vec::len), Some(0));
    assert!(host.host.stop().success());
}
