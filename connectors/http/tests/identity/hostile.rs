//! Requests over HTTP/1.1 that try to get in without credentials, or as somebody else.

use serde_json::json;

use crate::rig::{BODY, Rig, auth, post, request};

async fn rig() -> Rig {
    Rig::new(json!({"path": "/events", "auth": auth()})).await
}

const SHOP: &str = "authorization: Bearer t0ken\r\n";
/// `alice:word`
const ALICE: &str = "authorization: Basic YWxpY2U6d29yZA==\r\n";

#[tokio::test]
async fn the_principal_is_what_was_proved_whatever_the_event_says() {
    let rig = rig().await;
    for (name, headers, principal) in [
        ("bearer", SHOP.to_owned(), "shop"),
        ("basic", ALICE.to_owned(), "alice"),
        ("any case", "AUTHORIZATION: bEARER t0ken\r\n".to_owned(), "shop"),
        ("a tab before the value", "authorization:\tBearer t0ken\r\n".to_owned(), "shop"),
        ("headers of that name", format!("{SHOP}principal: admin\r\nce-principal: admin\r\n"), "shop"),
        ("a claim of another host", format!("{SHOP}x-forwarded-user: admin\r\nremote-user: admin\r\n"), "shop"),
    ] {
        rig.accepts(name, post(&headers), principal).await;
    }
    let binary = format!(
        "POST /events HTTP/1.1\r\nhost: a\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\n\
         ce-principal: admin\r\ncontent-length: 0\r\n{SHOP}\r\n"
    );
    rig.accepts("an attribute of that name", binary, "shop").await;
}

#[tokio::test]
async fn credentials_count_only_where_they_belong() {
    let rig = rig().await;
    for (name, headers) in [
        ("none", String::new()),
        ("an empty value", "authorization:\r\n".to_owned()),
        ("only the scheme", "authorization: Bearer\r\n".to_owned()),
        ("another scheme", "authorization: Digest t0ken\r\n".to_owned()),
        ("the token twice", format!("{SHOP}{SHOP}")),
        ("two forms", format!("{SHOP}{ALICE}")),
        ("wrong before right", format!("authorization: Bearer x\r\n{SHOP}")),
        ("right before wrong", format!("{SHOP}authorization: Bearer x\r\n")),
        ("right before empty", format!("{SHOP}authorization:\r\n")),
        ("a list", "authorization: Bearer t0ken, Basic YWxpY2U6d29yZA==\r\n".to_owned()),
        ("a proxy's", "proxy-authorization: Bearer t0ken\r\n".to_owned()),
        ("another header", "x-authorization: Bearer t0ken\r\n".to_owned()),
        ("a cookie", "cookie: authorization=t0ken\r\n".to_owned()),
        ("an attribute", "ce-authorization: Bearer t0ken\r\n".to_owned()),
        ("named by connection", format!("connection: authorization\r\nx{SHOP}")),
        ("beyond ASCII", "authorization: Bearer t0ken\u{fe0f}\r\n".to_owned()),
    ] {
        rig.refuses(name, post(&headers), 401).await;
    }
    rig.refuses(
        "in the query",
        request("POST /events?access_token=t0ken&authorization=Bearer%20t0ken HTTP/1.1", ""),
        401,
    )
    .await;
    rig.refuses("in the authority", request("POST http://alice:word@a/events HTTP/1.1", ""), 401).await;
    let trailers = format!(
        "POST /events HTTP/1.1\r\nhost: a\r\ncontent-type: application/cloudevents+json\r\ntransfer-encoding: chunked\r\n\
         trailer: authorization\r\n\r\n{:x}\r\n{BODY}\r\n0\r\n{SHOP}\r\n",
        BODY.len()
    );
    rig.refuses("in a trailer", trailers, 401).await;
}

#[tokio::test]
async fn ambiguous_heads_are_no_requests() {
    let rig = rig().await;
    for (name, headers) in [
        ("space before the colon", "authorization : Bearer t0ken\r\n"),
        ("a folded value", "authorization:\r\n Bearer t0ken\r\n"),
        ("a folded line", "x: y\r\n authorization: Bearer t0ken\r\n"),
        ("a NUL", "authorization: Bearer t0ken\0\r\n"),
        ("a NUL in the name", "authorization\0: Bearer t0ken\r\n"),
        ("a bare carriage return", "x: y\rauthorization: Bearer t0ken\r\n"),
        ("a bare line feed", "x: y\nauthorization: Bearer t0ken\r\n"),
        ("no name", ": Bearer t0ken\r\n"),
    ] {
        rig.refuses(name, post(headers), 400).await;
    }
}

#[tokio::test]
async fn no_path_and_no_method_leads_around() {
    let rig = rig().await;
    for path in [
        "/",
        "//events",
        "/events/",
        "/events//",
        "/./events",
        "/x/../events",
        "/events/.",
        "/events/../events",
        "/EVENTS",
        "/%65vents",
        "/events%00",
        "/events%2f",
        "/events;a=b",
        "/events%3fx",
        "*",
        "/livez",
        "/metrics",
    ] {
        for headers in ["", SHOP] {
            let answer = rig.send(request(&format!("POST {path} HTTP/1.1"), headers)).await;
            assert!([400, 404].contains(&answer.status), "{path}: {answer:?}");
            assert!(rig.principals().is_empty(), "{path}");
        }
    }
    for line in ["POST http://events/ HTTP/1.1", "POST http://a:b@c/x HTTP/1.1"] {
        rig.refuses(line, request(line, SHOP), 404).await;
    }
    for line in [
        "POST http://else/events HTTP/1.1",
        "POST /events? HTTP/1.1",
        "POST /events#x HTTP/1.1",
        "POST /events HTTP/1.0",
    ] {
        rig.refuses(line, request(line, ""), 401).await;
        rig.accepts(line, request(line, SHOP), "shop").await;
    }
    for method in ["GET", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "post", "POSTS"] {
        for headers in [format!("{SHOP}x-http-method-override: POST\r\n"), "x-http-method: POST\r\n".to_owned()] {
            rig.refuses(method, request(&format!("{method} /events HTTP/1.1"), &headers), 405).await;
        }
    }
    rig.refuses("a handshake", request("OPTIONS /events HTTP/1.1", ""), 200).await;
    let answer = rig.send(request("CONNECT a:80 HTTP/1.1", SHOP)).await;
    assert!((400..500).contains(&answer.status), "{answer:?}");
}

#[tokio::test]
async fn every_request_of_a_connection_is_asked() {
    let rig = rig().await;
    let mut client = rig.connect().await;
    for (headers, status) in [(SHOP, 204), ("", 401), (ALICE, 204), ("authorization: Bearer x\r\n", 401), (SHOP, 204)] {
        assert_eq!(client.send(post(headers)).await.status, status, "{headers}");
    }
    assert_eq!(rig.principals(), ["shop", "alice", "shop"].map(|principal| Some(principal.to_owned())));
    // All at once: nobody takes over from who came before.
    let mut client = rig.connect().await;
    client.write([post(SHOP), post(""), post(ALICE)].concat()).await;
    for status in [204, 401, 204] {
        assert_eq!(client.answer().await.unwrap().status, status);
    }
    assert_eq!(rig.principals(), ["shop", "alice"].map(|principal| Some(principal.to_owned())));
}

#[tokio::test]
async fn a_stranger_is_refused_before_the_body_is_wanted() {
    let rig = rig().await;
    let head =
        "POST /events HTTP/1.1\r\nhost: a\r\ncontent-type: application/cloudevents+json\r\ncontent-length: 1000000\r\n";
    let answer = rig.send(format!("{head}\r\n")).await;
    assert_eq!(answer.status, 401, "{answer:?}");
    let answer = rig.send(format!("{head}expect: 100-continue\r\n\r\n")).await;
    assert_eq!(answer.status, 401, "no `100 Continue` for strangers: {answer:?}");
    let answer = rig.send(format!("{head}content-encoding: br\r\n\r\n")).await;
    assert_eq!(answer.status, 401, "{answer:?}");
    let upgrade = "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n";
    rig.refuses("an upgrade", post(upgrade), 401).await;
}

#[tokio::test]
async fn answers_name_what_to_do_and_no_secret() {
    let rig = rig().await;
    for headers in ["", "authorization: Bearer x\r\n", "authorization: Basic YWxpY2U6d3Jvbmc=\r\n"] {
        let answer = rig.send(post(headers)).await;
        assert_eq!(answer.status, 401);
        assert!(answer.head.contains("\r\nwww-authenticate: bearer realm="), "{}", answer.head);
        assert!(answer.head.contains("basic realm="), "{}", answer.head);
        assert!(answer.head.contains("\r\ncontent-type: application/problem+json"), "{}", answer.head);
        assert!(!answer.body.contains("t0ken") && !answer.body.contains("alice"), "{}", answer.body);
    }
}

#[tokio::test]
async fn signed_bodies_do_not_vouch_for_headers() {
    use hmac::Mac;
    let rig = Rig::new(json!({"path": "/events", "signature": {"secret": {"file": "token"}}})).await;
    let sign = |body: &str| {
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(b"t0ken").unwrap();
        mac.update(body.as_bytes());
        format!("x-hub-signature-256: sha256={:x}\r\n", mac.finalize().into_bytes())
    };
    let answer = rig.send(post(&sign(BODY))).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    rig.principals();
    for body in ["", "{}"] {
        let forged = format!(
            "POST /events HTTP/1.1\r\nhost: a\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: forged\r\n\
             content-length: {}\r\n{}\r\n{body}",
            body.len(),
            sign(body)
        );
        let answer = rig.send(forged).await;
        assert!([400, 401, 415].contains(&answer.status), "{answer:?}");
        assert!(rig.principals().is_empty());
    }
}
