//! Requests with credentials of all forms, and what is answered to them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::time::Duration;

use http::HeaderValue;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_connector::config;

use super::testing::{AUDIENCE, Answer, ISSUER, KeyServer, Signer, key_set};
use super::*;

struct Fixture {
    dir: TempDir,
    authenticator: Authenticator,
}

/// `shop` and `till` have tokens, `alice` and `bob` passwords; `late` has a secret that is not there.
fn form(name: &str) -> Value {
    match name {
        "bearer" => json!({"tokens": [
            {"principal": "shop", "secret": {"file": "shop"}},
            {"principal": "till", "secret": {"file": "till"}},
            {"principal": "till", "secret": {"file": "till-next"}},
        ]}),
        "basic" => json!({"users": [
            {"name": "alice", "secret": {"file": "alice"}},
            {"name": "bob", "principal": "robert", "secret": {"file": "bob"}},
        ]}),
        "certificate" => json!({}),
        "jwt" => json!({"jwks": {"file": "keys.json"}, "issuer": ISSUER, "audience": AUDIENCE}),
        _ => unreachable!("no form {name}"),
    }
}

impl Fixture {
    fn new(forms: &[&str]) -> Self {
        Self::with(forms.iter().map(|name| ((*name).to_owned(), form(name))).collect())
    }

    fn with(config: Value) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (file, content) in [
            ("shop", "t0ken-of-shop\n"),
            ("till", "t0ken-of-till"),
            ("till-next", "next-of-till"),
            ("alice", "pass:word"),
            ("bob", "geheim"),
        ] {
            fs::write(dir.path().join(file), content).unwrap();
        }
        let config = config::parse(&config).unwrap();
        let authenticator = Authenticator::compile(&config, dir.path()).unwrap();
        Self { dir, authenticator }
    }

    async fn ask(&self, authorization: &[&str], certificate: Option<&str>) -> Result<String, Denied> {
        let mut headers = HeaderMap::new();
        for value in authorization {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let peer = Peer { certificate: certificate.map(str::to_owned) };
        self.authenticator.authenticate(&headers, &peer).await
    }

    async fn check(&self, authorization: &[&str], certificate: Option<&str>, expected: Result<&str, &str>) {
        let shown = match self.ask(authorization, certificate).await {
            Ok(principal) => Ok(principal),
            Err(Denied::Unauthenticated { problem, .. }) => Err(format!("401 {problem}")),
            Err(Denied::Forbidden { problem }) => Err(format!("403 {problem}")),
            Err(Denied::Unavailable { problem }) => Err(format!("503 {problem}")),
        };
        match (&shown, expected) {
            (Ok(principal), Ok(expected)) => assert_eq!(principal, expected, "{authorization:?}"),
            (Err(problem), Err(expected)) => assert!(problem.contains(expected), "{authorization:?}: {problem}"),
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => panic!("{authorization:?}: {shown:?}, not {expected:?}"),
        }
    }
}

fn basic(text: &str) -> String {
    format!("Basic {}", base64_simd::STANDARD.encode_to_string(text))
}

#[tokio::test]
async fn tokens() {
    let fixture = Fixture::new(&["bearer"]);
    for (header, expected) in [
        ("Bearer t0ken-of-shop", Ok("shop")),
        ("bearer t0ken-of-till", Ok("till")),
        ("BEARER  next-of-till ", Ok("till")),
        ("Bearer t0ken-of-sho", Err("401 unknown token")),
        ("Bearer t0ken-of-shopp", Err("401 unknown token")),
        ("Bearer T0KEN-OF-SHOP", Err("401 unknown token")),
        ("Bearer t0ken-of-shop, t0ken-of-till", Err("401 unknown token")),
        ("Bearer", Err("401 unknown token")),
        ("Bearer ", Err("401 unknown token")),
        ("Bearer a.b.c", Err("401 unknown token")),
        ("Bearert0ken-of-shop", Err("401 `Authorization` has a scheme")),
        ("t0ken-of-shop", Err("401 `Authorization` has a scheme")),
        ("Bearer\tt0ken-of-shop", Err("401")),
        ("Bearer t0ken-of-shop\u{e9}", Err("401 `Authorization` is not ASCII")),
        ("", Err("401 `Authorization` has a scheme")),
    ] {
        fixture.check(&[header], None, expected).await;
    }
    fixture.check(&[&basic(":t0ken-of-shop")], None, Err("401 `Authorization` has a scheme")).await;
    fixture.check(&[], None, Err("401 no credentials")).await;
    fixture.check(&[], Some("spiffe://a/b"), Err("401 no credentials")).await;
}

#[tokio::test]
async fn passwords() {
    let fixture = Fixture::new(&["basic"]);
    for (credentials, expected) in [
        ("alice:pass:word", Ok("alice")),
        ("bob:geheim", Ok("robert")),
        ("bob:pass:word", Err("401 wrong name or password")),
        ("alice:geheim", Err("401 wrong name or password")),
        ("robert:geheim", Err("401 wrong name or password")),
        ("Alice:pass:word", Err("401 wrong name or password")),
        ("alice:", Err("401 wrong name or password")),
        (":pass:word", Err("401 wrong name or password")),
        ("alice:pass:word\n", Err("401 wrong name or password")),
        ("alice\0:pass:word", Err("401 wrong name or password")),
        ("carol:geheim", Err("401 wrong name or password")),
        ("alice", Err("401 basic credentials have no `:`")),
        ("", Err("401 basic credentials have no `:`")),
    ] {
        fixture.check(&[&basic(credentials)], None, expected).await;
    }
    fixture.check(&["Basic !"], None, Err("401 basic credentials are not in base64")).await;
    fixture.check(&["Basic alice:pass:word"], None, Err("401 basic credentials are not in base64")).await;
}

#[tokio::test]
async fn two_authorizations_are_none() {
    let fixture = Fixture::new(&["bearer", "basic", "certificate"]);
    for headers in [
        ["Bearer t0ken-of-shop", "Bearer t0ken-of-shop"],
        ["Bearer t0ken-of-shop", "Bearer t0ken-of-till"],
        ["Bearer wrong", "Bearer t0ken-of-shop"],
        ["Other thing", "Bearer t0ken-of-shop"],
    ] {
        fixture.check(&headers, Some("cert"), Err("401 more than one")).await;
    }
}

#[tokio::test]
async fn any_form_suffices_and_wrong_credentials_are_not_made_good() {
    let fixture = Fixture::new(&["bearer", "basic", "jwt", "certificate"]);
    let signer = Signer::new(Algorithm::ES256, "k");
    fs::write(fixture.dir.path().join("keys.json"), key_set([signer.jwk(json!({}))])).unwrap();
    let token = format!("Bearer {}", signer.token(json!({"sub": "web"})));
    let forged = format!("Bearer {}", Signer::new(Algorithm::ES256, "k").token(json!({"sub": "web"})));
    for (header, certificate, expected) in [
        (Some("Bearer t0ken-of-shop".to_owned()), None, Ok("shop")),
        (Some(basic("alice:pass:word")), None, Ok("alice")),
        (Some(token.clone()), None, Ok("web")),
        (None, Some("cert"), Ok("cert")),
        (Some(token), Some("cert"), Ok("web")),
        (Some(forged), Some("cert"), Err("401 the signature is wrong")),
        (Some("Bearer wrong".to_owned()), Some("cert"), Err("401 unknown token")),
        (Some(basic("alice:wrong")), Some("cert"), Err("401 wrong name or password")),
        // Of no listed form: as if it were not there.
        (Some("Negotiate abc".to_owned()), Some("cert"), Ok("cert")),
        (Some("Negotiate abc".to_owned()), None, Err("401 `Authorization` has a scheme")),
        (None, None, Err("401 no credentials")),
    ] {
        let headers: Vec<&str> = header.iter().map(String::as_str).collect();
        fixture.check(&headers, certificate, expected).await;
    }
}

#[tokio::test]
async fn a_certificate_alone() {
    let fixture = Fixture::new(&["certificate"]);
    fixture.check(&[], Some("spiffe://shop/till"), Ok("spiffe://shop/till")).await;
    // What nobody here judges may be for who comes next.
    fixture.check(&["Bearer a", "Bearer b"], Some("till"), Ok("till")).await;
    fixture.check(&[], None, Err("403 a client certificate")).await;
    assert!(fixture.authenticator.needs_client_ca());
    let implied = Authenticator::certificates();
    let peer = Peer { certificate: Some("till".to_owned()) };
    assert_eq!(implied.authenticate(&HeaderMap::new(), &peer).await, Ok("till".to_owned()));
    implied.authenticate(&HeaderMap::new(), &Peer::default()).await.expect_err("nobody");
}

#[tokio::test]
async fn challenges_name_every_scheme() {
    let basic = "Basic realm=\"tidegate\", charset=\"UTF-8\"";
    for (forms, header, expected) in [
        (&["bearer"][..], None, "Bearer realm=\"tidegate\"".to_owned()),
        (&["basic"], None, basic.to_owned()),
        (&["basic", "bearer"], None, format!("Bearer realm=\"tidegate\", {basic}")),
        (&["bearer", "jwt"], Some("Bearer x"), "Bearer realm=\"tidegate\", error=\"invalid_token\"".to_owned()),
    ] {
        let headers: Vec<&str> = header.into_iter().collect();
        match Fixture::new(forms).ask(&headers, None).await {
            Err(Denied::Unauthenticated { challenge, .. }) => assert_eq!(challenge, expected, "{forms:?}"),
            other => panic!("{forms:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_secret_that_is_not_there_refuses_nobody_for_good() {
    let fixture = Fixture::with(json!({
        "bearer": {"tokens": [
            {"principal": "shop", "secret": {"file": "shop"}},
            {"principal": "late", "secret": {"file": "late"}},
        ]},
        "basic": {"users": [{"name": "late", "secret": {"env": "TIDEGATE_NO_SUCH_VARIABLE"}}]},
    }));
    fixture.check(&["Bearer t0ken-of-shop"], None, Ok("shop")).await;
    fixture.check(&["Bearer t0ken-of-late"], None, Err("503 the credentials cannot be checked")).await;
    // An empty secret is none.
    fixture.check(&["Bearer "], None, Err("503")).await;
    fixture.check(&[&basic("late:")], None, Err("503")).await;
    fs::write(fixture.dir.path().join("late"), "t0ken-of-late").unwrap();
    until(async || fixture.ask(&["Bearer t0ken-of-late"], None).await == Ok("late".to_owned())).await;
    fixture.check(&["Bearer wrong"], None, Err("401 unknown token")).await;
}

#[tokio::test]
async fn secrets_are_exchanged_while_running() {
    let fixture = Fixture::new(&["bearer", "basic"]);
    fixture.check(&["Bearer t0ken-of-shop"], None, Ok("shop")).await;
    fixture.check(&[&basic("bob:geheim")], None, Ok("robert")).await;
    fs::write(fixture.dir.path().join("shop"), "another").unwrap();
    fs::write(fixture.dir.path().join("bob"), "neu").unwrap();
    until(async || fixture.ask(&["Bearer another"], None).await == Ok("shop".to_owned())).await;
    until(async || fixture.ask(&[&basic("bob:neu")], None).await == Ok("robert".to_owned())).await;
    fixture.check(&["Bearer t0ken-of-shop"], None, Err("401 unknown token")).await;
    fixture.check(&[&basic("bob:geheim")], None, Err("401 wrong name or password")).await;
    fixture.check(&["Bearer t0ken-of-till"], None, Ok("till")).await;
}

/// Secrets are looked at again once a second of real time.
async fn until(reached: impl AsyncFn() -> bool) {
    let wait = async {
        while !reached().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap();
}

#[tokio::test]
async fn keys_of_tokens_are_exchanged_while_running() {
    let (old, new) = (Signer::new(Algorithm::EdDSA, "k"), Signer::new(Algorithm::EdDSA, "k"));
    let fixture = Fixture::new(&["jwt"]);
    let (old_token, new_token) =
        (format!("Bearer {}", old.token(json!({}))), format!("Bearer {}", new.token(json!({}))));
    fixture.check(&[&old_token], None, Err("503 the keys to check tokens with")).await;
    let file = fixture.dir.path().join("keys.json");
    fs::write(&file, key_set([old.jwk(json!({}))])).unwrap();
    until(async || fixture.ask(&[&old_token], None).await.is_ok()).await;
    fixture.check(&[&new_token], None, Err("401 the signature is wrong")).await;
    fs::write(&file, key_set([new.jwk(json!({}))])).unwrap();
    until(async || fixture.ask(&[&new_token], None).await.is_ok()).await;
    fixture.check(&[&old_token], None, Err("401 the signature is wrong")).await;
}

#[tokio::test]
async fn keys_behind_a_url() {
    let signer = Signer::new(Algorithm::ES384, "k");
    let server = KeyServer::start(Answer::Status(200, key_set([signer.jwk(json!({}))]))).await;
    let config = json!({"jwt": {"jwks": {"url": server.url}, "issuer": ISSUER, "audience": AUDIENCE}});
    let fixture = Fixture::with(config.clone());
    fixture.check(&[&format!("Bearer {}", signer.token(json!({})))], None, Ok("shop")).await;
    fixture.check(&["Bearer opaque"], None, Err("401 unknown token")).await;
    server.answer(Answer::Status(503, String::new()));
    let without = Fixture::with(config);
    without.check(&[&format!("Bearer {}", signer.token(json!({})))], None, Err("503 the keys")).await;
}

#[test]
fn nothing_shows_a_secret() {
    let fixture = Fixture::new(&["bearer", "basic", "jwt"]);
    let known = fixture.authenticator.bearer.as_ref().unwrap();
    known.find("", b"t0ken-of-shop");
    let shown = format!("{:?}", fixture.authenticator);
    assert!(!shown.contains("t0ken") && !shown.contains("116, 48, 107"), "{shown}");
}

#[test]
fn what_a_document_may_not_say() {
    let token = json!({"principal": "p", "secret": {"env": "E"}});
    for (config, pointer) in [
        (json!({}), ""),
        (json!({"oauth": {}}), "/oauth"),
        (json!({"certificate": {}, "jwt": null}), "/jwt"),
        (json!({"certificate": null}), "/certificate"),
        (json!({"certificate": {"ca": "x"}}), "/certificate/ca"),
        (json!({"bearer": {"tokens": []}}), "/bearer/tokens"),
        (json!({"bearer": {"tokens": vec![token.clone(); 257]}}), "/bearer/tokens"),
        (json!({"bearer": {"tokens": [{"principal": "", "secret": {"env": "E"}}]}}), "/bearer/tokens/0/principal"),
        (
            json!({"bearer": {"tokens": [token, {"principal": "a\nb", "secret": {"env": "E"}}]}}),
            "/bearer/tokens/1/principal",
        ),
        (json!({"bearer": {"tokens": [{"principal": "p", "secret": "value"}]}}), "/bearer/tokens/0/secret"),
        (json!({"bearer": {"tokens": [{"principal": "p", "secret": {}}]}}), "/bearer/tokens/0/secret"),
        (json!({"basic": {"users": [{"name": "a:b", "secret": {"env": "E"}}]}}), "/basic/users/0/name"),
        (json!({"basic": {"users": [{"name": "", "secret": {"env": "E"}}]}}), "/basic/users/0/name"),
        (json!({"basic": {"users": [{"name": "a", "secret": {"env": ""}}]}}), "/basic/users/0/secret/env"),
        (json!({"jwt": {"jwks": {}, "issuer": "i", "audience": "a"}}), "/jwt/jwks"),
    ] {
        let errors = config::parse::<AuthConfig>(&config)
            .and_then(|config| Authenticator::compile(&config, Path::new("/")).map(drop))
            .expect_err(&config.to_string());
        assert_eq!(errors[0].pointer, pointer, "{errors:?}");
    }
}
