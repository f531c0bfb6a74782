//! Input that no honest client sends: the API answers or closes, changes nothing, and goes on.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use super::{Running, line};
use crate::rig::random::Random;

/// Sends bytes, and reads until the other side closes.
fn send(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("connect");
    // A host that has seen enough closes while we still write.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.take(1 << 20).read_to_end(&mut answer);
    answer
}

#[test]
fn nonsense_is_answered_or_closed_and_changes_nothing() {
    let host = Running::api();
    host.apply(&[line(host.dir.path())]);
    let (generation, documents) = (host.generation(), host.get("/v1/documents?texts=true"));
    let seeds: Vec<String> = [
        ("POST", "/v1/documents", r#"{"put": ["kind: Sink\nmetadata: {name: a}\nspec: {file: {}}"], "delete": [], "replace": false}"#),
        ("PUT", "/v1/documents/Sink/default/a", "kind: Sink\nmetadata: {name: a}\nspec: [[[[]]]]"),
        ("DELETE", "/v1/documents/Sink/default/zzz?dryRun=true", ""),
        ("PUT", "/v1/modules/sha256:0000", "\0asm"),
        ("POST", "/v1/rollback", r#"{"generation": "zz"}"#),
        ("POST", "/v1/routes/default/zzz/pause", r#"{"reason": "x"}"#),
        ("POST", "/v1/explain", r#"{"event": {"specversion": "1.0", "id": "1", "source": "/", "type": "t"}}"#),
        ("GET", "/v1/decisions?id=%ff%fe&source=%00", ""),
        ("GET", "/v1/history?limit=99999999999999999999", ""),
    ]
    .iter()
    .map(|(method, path, body)| {
        let length = body.len();
        let token = &host.token;
        format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n{body}")
    })
    .collect();
    let mut random = Random::from_env();
    let mut below = |bound: usize| usize::try_from(random.below(bound as u64)).expect("a small number");
    for round in 0..400 {
        let mut bytes = seeds[round % seeds.len()].clone().into_bytes();
        // Behind the method and path at times, so that bodies and headers are met as well.
        let from = if round % 3 == 0 { 0 } else { bytes.len() / 2 };
        for _ in 0..=below(8) {
            let at = from + below(bytes.len() - from);
            match below(3) {
                0 => bytes[at] = u8::try_from(below(256)).expect("a byte"),
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, u8::try_from(below(256)).expect("a byte")),
            }
        }
        let answer = send(&host.address, &bytes);
        let text = String::from_utf8_lossy(&answer);
        assert!(text.is_empty() || text.starts_with("HTTP/1."), "{text}");
        assert!(!text.starts_with("HTTP/1.1 500"), "{text}\n{}", String::from_utf8_lossy(&bytes));
    }
    for deep in
        ["[".repeat(200_000), "{\"put\":".repeat(100_000), format!("{{\"put\": [{:?}]}}", "{a: ".repeat(50_000))]
    {
        let answer = host.call("POST", "/v1/documents?dryRun=true", &[], deep);
        assert!((400..500).contains(&answer.status), "{answer:?}");
    }
    assert_eq!((host.generation(), host.get("/v1/documents?texts=true")), (generation, documents));
    assert!(!host.host.log().contains("panicked"), "{}", host.host.log());
    assert!(host.host.stop().success());
}
