//! Tokens of all kinds against real keys: those kept, and each refusal by the check that names it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;

use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
use serde_json::json;
use tempfile::TempDir;
use tidegate_connector::config;

use super::*;
use crate::identity::jwks::remote::{PACE, Pace, Remote};
use crate::identity::testing::{
    AUDIENCE, Answer, ISSUER, KeyServer, RSA_PRIVATE, RSA_PUBLIC, RSA_WEAK_PUBLIC, Signer, base64, claims, key_set,
    merge, now,
};

const ALL: [Algorithm; 9] = [RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA];

struct Fixture {
    _dir: TempDir,
    check: JwtCheck,
}

impl Fixture {
    fn new(keys: impl IntoIterator<Item = Value>) -> Self {
        Self::with(json!({}), keys)
    }

    fn with(other: Value, keys: impl IntoIterator<Item = Value>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("keys.json"), key_set(keys)).unwrap();
        let check = compile(merge(json!({"jwks": {"file": "keys.json"}}), other), dir.path());
        Self { _dir: dir, check }
    }

    async fn principal(&self, token: &str) -> Result<String, String> {
        match self.check.check(token).await {
            Ok(principal) => Ok(principal.to_string()),
            Err(Refused::Token(problem)) => Err(problem),
            Err(Refused::Unavailable(problem)) => panic!("no keys: {problem}"),
        }
    }

    async fn accepts(&self, name: &str, token: &str) {
        assert_eq!(self.principal(token).await, Ok("shop".to_owned()), "{name}");
    }

    async fn refuses(&self, name: &str, token: &str, why: &str) {
        let problem = self.principal(token).await.expect_err(name);
        assert!(problem.contains(why), "{name}: {problem}, not {why}");
    }
}

fn compile(other: Value, base_dir: &Path) -> JwtCheck {
    let config = merge(json!({"jwks": null, "issuer": ISSUER, "audience": AUDIENCE}), other);
    JwtCheck::compile(&config::parse(&config).unwrap(), base_dir).unwrap()
}

#[tokio::test]
async fn every_algorithm_is_kept() {
    for algorithm in ALL {
        let signer = Signer::new(algorithm, "k");
        for jwk in [json!({}), json!({"alg": name(algorithm), "use": "sig"}), json!({"key_ops": ["verify"]})] {
            let fixture = Fixture::new([signer.jwk(jwk)]);
            fixture.accepts(name(algorithm), &signer.token(json!({}))).await;
            // From the hash.
            fixture.accepts(name(algorithm), &signer.token(json!({}))).await;
        }
    }
}

#[tokio::test]
async fn good_tokens_of_other_shapes() {
    let signer = Signer::new(ES256, "k");
    let fixture = Fixture::new([signer.jwk(json!({}))]);
    for (name, claims) in [
        ("several audiences", json!({"aud": ["else", AUDIENCE]})),
        ("expired within leeway", json!({"exp": now() - 30})),
        ("not yet, within leeway", json!({"nbf": now() + 30})),
        ("fractions of seconds", json!({"exp": now() as f64 + 100.5, "nbf": now() as f64 - 0.5})),
        ("other claims", json!({"nested": {"aud": "else"}, "iat": 1})),
    ] {
        fixture.accepts(name, &signer.token(claims)).await;
    }
    let unnamed = signer.sign(&signer.header(json!({"kid": null})), &claims(json!({})));
    fixture.accepts("the only key needs no name", &unnamed).await;

    let by_mail = Fixture::with(json!({"principal": "email", "audience": ["a", "b"]}), [signer.jwk(json!({}))]);
    let token = signer.token(json!({"aud": "b", "email": "a@example.com"}));
    assert_eq!(by_mail.principal(&token).await, Ok("a@example.com".to_owned()));
}

#[tokio::test]
async fn claims_are_refused_by_name() {
    let signer = Signer::new(ES256, "k");
    let fixture = Fixture::new([signer.jwk(json!({}))]);
    for (claims, why) in [
        (json!({"aud": "else"}), "`aud`"),
        (json!({"aud": null}), "`aud`"),
        (json!({"aud": ["else", "tidegate2"]}), "`aud`"),
        (json!({"aud": []}), "`aud`"),
        (json!({"aud": {"tidegate": true}}), "`aud`"),
        (json!({"aud": [[AUDIENCE]]}), "`aud`"),
        (json!({"aud": "Tidegate"}), "`aud`"),
        (json!({"iss": "https://else.example"}), "`iss`"),
        (json!({"iss": null}), "`iss`"),
        (json!({"iss": [ISSUER]}), "`iss`"),
        (json!({"iss": format!("{ISSUER}/")}), "`iss`"),
        (json!({"exp": now() - 61}), "expired"),
        (json!({"exp": 0}), "expired"),
        (json!({"exp": null}), "does not say when it expires"),
        (json!({"exp": (now() + 600).to_string()}), "does not say when it expires"),
        (json!({"exp": -1}), "does not say when it expires"),
        (json!({"exp": true}), "does not say when it expires"),
        (json!({"nbf": now() + 120}), "`nbf`"),
        (json!({"nbf": 1e300}), "`nbf`"),
        (json!({"nbf": "soon"}), "`nbf`"),
        (json!({"sub": null}), "`sub`"),
        (json!({"sub": ""}), "`sub`"),
        (json!({"sub": 7}), "`sub`"),
        (json!({"sub": "shop\nadmin"}), "`sub`"),
    ] {
        fixture.refuses(&claims.to_string(), &signer.token(claims.clone()), why).await;
    }
    for payload in ["[]", "null", "{", "", "\"shop\""] {
        let token = signer.sign_text(&signer.header(json!({})).to_string(), payload);
        fixture.refuses(payload, &token, "payload").await;
    }
}

#[tokio::test]
async fn unsigned_and_shared_secret_tokens_are_refused() {
    let rsa = Signer::new(RS256, "rsa");
    let fixture = Fixture::new([rsa.jwk(json!({}))]);
    let payload = claims(json!({})).to_string();
    for alg in ["none", "None", "nOnE", "NONE", "", "RS256 ", "rs256", "ES512", "HS999"] {
        let signed = format!("{}.{}", base64(rsa.header(json!({"alg": alg})).to_string()), base64(&payload));
        let stolen = rsa.token(json!({}));
        let stolen = stolen.rsplit('.').next().unwrap();
        for signature in ["", "AA", stolen] {
            fixture.refuses(alg, &format!("{signed}.{signature}"), "algorithm").await;
        }
    }
    // The public key as if it were a shared secret, in every form that it has.
    let n: Value = serde_json::from_str(RSA_PUBLIC).unwrap();
    let n = n["n"].as_str().unwrap();
    let raw = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(n).unwrap();
    for secret in [RSA_PUBLIC.as_bytes(), n.as_bytes(), &raw, b"", RSA_PRIVATE] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let header = rsa.header(json!({"alg": name(algorithm)})).to_string();
            let signed = format!("{}.{}", base64(header), base64(&payload));
            let key = jsonwebtoken::EncodingKey::from_secret(secret);
            let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, algorithm).unwrap();
            fixture.refuses(name(algorithm), &format!("{signed}.{signature}"), "algorithm").await;
        }
    }
}

#[tokio::test]
async fn the_key_decides_how_it_is_used() {
    let (rsa, p256, p384, ed) =
        (Signer::new(RS256, "rsa"), Signer::new(ES256, "p256"), Signer::new(ES384, "p384"), Signer::new(EdDSA, "ed"));
    let fixture =
        Fixture::new([rsa.jwk(json!({"alg": "RS256"})), p256.jwk(json!({})), p384.jwk(json!({})), ed.jwk(json!({}))]);
    for signer in [&rsa, &p256, &p384, &ed] {
        fixture.accepts(signer.kid, &signer.token(json!({}))).await;
        // Signed by one key, said to be of another.
        for other in [&rsa, &p256, &p384, &ed].into_iter().filter(|other| other.kid != signer.kid) {
            let token = signer.sign(&signer.header(json!({"kid": other.kid})), &claims(json!({})));
            fixture.refuses(&format!("{} as {}", signer.kid, other.kid), &token, "no key has").await;
        }
    }
    let pss = Signer::new(PS256, "rsa");
    fixture.refuses("a key for RS256 only", &pss.token(json!({})), "no key has").await;
    let signed_otherwise = Signer::new(RS512, "rsa");
    let token = signed_otherwise.sign(&rsa.header(json!({})), &claims(json!({})));
    fixture.refuses("signed otherwise than said", &token, "signature").await;
    let limited = Fixture::with(json!({"algorithms": ["ES256"]}), [p256.jwk(json!({})), ed.jwk(json!({}))]);
    limited.accepts("listed", &p256.token(json!({}))).await;
    limited.refuses("not listed", &ed.token(json!({})), "algorithm").await;
}

#[tokio::test]
async fn keys_that_are_no_use_are_passed_over() {
    let good = Signer::new(ES256, "good");
    let rsa = Signer::new(RS256, "rsa");
    let weak: Value = serde_json::from_str(RSA_WEAK_PUBLIC).unwrap();
    let useless = [
        json!({"kty": "oct", "kid": "rsa", "k": base64("secret"), "alg": "HS256"}),
        json!({"kty": "oct", "kid": "rsa", "k": base64("secret"), "alg": "RS256"}),
        json!({"kty": "EC", "crv": "secp256k1", "kid": "rsa", "x": "AA", "y": "AA"}),
        json!({"kty": "AKP", "kid": "rsa"}),
        json!({"kid": "rsa"}),
        json!("text"),
        merge(weak, json!({"kid": "rsa"})),
        rsa.jwk(json!({"use": "enc"})),
        rsa.jwk(json!({"key_ops": ["encrypt"]})),
        rsa.jwk(json!({"alg": "RSA-OAEP"})),
        rsa.jwk(json!({"alg": "HS256"})),
        rsa.jwk(json!({"alg": "none"})),
        rsa.jwk(json!({"n": "not base64!"})),
        rsa.jwk(json!({"n": null})),
        good.jwk(json!({"kid": "rsa", "crv": "P-384"})),
        good.jwk(json!({"kid": "rsa", "x": "AA"})),
    ];
    for key in useless {
        let fixture = Fixture::new([key.clone(), good.jwk(json!({}))]);
        fixture.accepts(&key.to_string(), &good.token(json!({}))).await;
        fixture.refuses(&key.to_string(), &rsa.token(json!({})), "no key has").await;
    }
}

#[tokio::test]
async fn keys_are_found_by_name() {
    let (a, b) = (Signer::new(ES256, "a"), Signer::new(ES256, "b"));
    let fixture = Fixture::new([a.jwk(json!({})), b.jwk(json!({}))]);
    fixture.accepts("a", &a.token(json!({}))).await;
    fixture.accepts("b", &b.token(json!({}))).await;
    let header = |kid: Value| a.header(json!({"kid": kid}));
    fixture.refuses("another", &a.sign(&header(json!("c")), &claims(json!({}))), "no key has").await;
    fixture.refuses("like a path", &a.sign(&header(json!("../a")), &claims(json!({}))), "no key has").await;
    fixture.refuses("none of two", &a.sign(&header(json!(null)), &claims(json!({}))), "names no key").await;
    fixture.refuses("no text", &a.sign(&header(json!(["a"])), &claims(json!({}))), "not a signed").await;
    fixture.refuses("not its own", &a.sign(&header(json!("b")), &claims(json!({}))), "signature").await;
    // Two keys of one name: either may have signed.
    let twins = Fixture::new([a.jwk(json!({"kid": "x"})), b.jwk(json!({"kid": "x"}))]);
    twins.accepts("second twin", &b.sign(&b.header(json!({"kid": "x"})), &claims(json!({})))).await;
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let (ours, theirs) = (Signer::new(ES256, "k"), Signer::new(ES256, "k"));
    let fixture = Fixture::new([ours.jwk(json!({}))]);
    let good = ours.token(json!({}));
    fixture.accepts("good", &good).await;
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("three parts") };
    let admin = base64(claims(json!({"sub": "admin"})).to_string());

    let own_key = theirs
        .sign(&theirs.header(json!({"jwk": theirs.jwk(json!({})), "jku": "http://127.0.0.1:1/"})), &claims(json!({})));
    let doubled = ours.sign_text(r#"{"alg":"ES256","alg":"ES256","kid":"k"}"#, &claims(json!({})).to_string());
    let critical = ours.sign(&ours.header(json!({"crit": ["b64"], "b64": false})), &claims(json!({})));
    let mut flipped = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(signature).unwrap();
    flipped[10] ^= 1;
    for (name, token, why) in [
        ("another key", theirs.token(json!({})), "signature"),
        ("a key of its own", own_key, "signature"),
        ("another payload", format!("{header}.{admin}.{signature}"), "signature"),
        ("another signature", format!("{header}.{payload}.{}", base64(&flipped)), "signature"),
        ("no signature", format!("{header}.{payload}."), "signature"),
        ("zeros", format!("{header}.{payload}.{}", base64([0; 64])), "signature"),
        ("not base64", format!("{header}.{payload}.{signature}=="), "signature"),
        ("two parts", format!("{header}.{payload}"), "not a signed"),
        ("four parts", format!("{header}.{payload}.{signature}.{signature}"), ""),
        ("no header", format!(".{payload}.{signature}"), "not a signed"),
        ("empty", String::new(), "not a signed"),
        ("dots", "..".to_owned(), "not a signed"),
        ("an algorithm twice", doubled, "not a signed"),
        ("critical extensions", critical, "`crit`"),
        ("long", format!("{header}.{payload}.{signature}{}", "A".repeat(TOKEN_BYTES_MAX)), "longer than"),
    ] {
        fixture.refuses(name, &token, why).await;
    }
}

#[tokio::test]
async fn a_remembered_token_expires_and_falls_with_its_key() {
    let signer = Signer::new(EdDSA, "k");
    let fixture = Fixture::new([signer.jwk(json!({}))]);
    let token = signer.token(json!({"exp": 1000}));
    for (now, good) in [(999, true), (1059, true), (1060, false), (1000, true)] {
        assert_eq!(fixture.check.check_at(&token, now).await.is_ok(), good, "at {now}");
    }

    let server = KeyServer::start(Answer::Status(200, key_set([signer.jwk(json!({}))]))).await;
    let check = remote(&server, Pace { between: Duration::ZERO, refresh: Duration::ZERO, ..PACE });
    let token = signer.token(json!({}));
    check.check(&token).await.unwrap();
    server.keys([]);
    // Asked in the background: refused as soon as the answer is there.
    let refused = async {
        while check.check(&token).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), refused).await.unwrap();
}

fn remote(server: &KeyServer, pace: Pace) -> JwtCheck {
    let mut check = compile(json!({"jwks": {"url": server.url}}), Path::new("/"));
    check.keys = Jwks::Url(Remote::with_pace(&server.url, pace).unwrap());
    check
}

#[tokio::test]
async fn keys_rotate_behind_a_url() {
    let (old, new) = (Signer::new(ES256, "old"), Signer::new(ES256, "new"));
    let server = KeyServer::start(Answer::Status(200, key_set([old.jwk(json!({}))]))).await;
    let check = remote(&server, Pace { between: Duration::ZERO, ..PACE });
    check.check(&old.token(json!({}))).await.unwrap();
    let refused = check.check(&new.token(json!({}))).await;
    assert!(matches!(refused, Err(Refused::Token(_))), "not there yet: {refused:?}");
    server.keys([old.jwk(json!({})), new.jwk(json!({}))]);
    check.check(&new.token(json!({}))).await.unwrap();
    let asked = server.asked();
    check.check(&old.token(json!({}))).await.unwrap();
    check.check(&new.token(json!({}))).await.unwrap();
    assert_eq!(server.asked(), asked, "known keys are not asked for");
}

#[tokio::test]
async fn the_only_key_without_a_name_rotates_too() {
    let (old, new) = (Signer::new(ES256, "x"), Signer::new(ES256, "x"));
    let unnamed = |signer: &Signer| signer.sign(&signer.header(json!({"kid": null})), &claims(json!({})));
    let server = KeyServer::start(Answer::Status(200, key_set([old.jwk(json!({"kid": null}))]))).await;
    let check = remote(&server, Pace { between: Duration::ZERO, ..PACE });
    check.check(&unnamed(&old)).await.unwrap();
    server.keys([new.jwk(json!({"kid": null}))]);
    check.check(&unnamed(&new)).await.unwrap();
    assert!(matches!(check.check(&unnamed(&old)).await, Err(Refused::Token(_))));
}

#[tokio::test]
async fn strangers_cannot_make_us_ask() {
    let (known, stranger) = (Signer::new(ES256, "known"), Signer::new(ES256, "stranger"));
    let server = KeyServer::start(Answer::Status(200, key_set([known.jwk(json!({}))]))).await;
    let check = remote(&server, PACE);
    for number in 0..50 {
        let token = stranger.sign(&stranger.header(json!({"kid": number.to_string()})), &claims(json!({})));
        assert!(matches!(check.check(&token).await, Err(Refused::Token(_))));
    }
    check.check(&known.token(json!({}))).await.unwrap();
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn without_keys_nobody_is_refused_for_good() {
    let signer = Signer::new(ES256, "k");
    let server = KeyServer::start(Answer::Status(500, key_set([signer.jwk(json!({}))]))).await;
    let check = remote(&server, Pace { between: Duration::ZERO, ..PACE });
    let outcome = check.check(&signer.token(json!({}))).await;
    assert!(matches!(outcome, Err(Refused::Unavailable(_))), "{outcome:?}");
    server.keys([signer.jwk(json!({}))]);
    check.check(&signer.token(json!({}))).await.unwrap();
}

#[test]
fn what_a_document_may_not_say() {
    let good = json!({"jwks": {"file": "k"}, "issuer": "i", "audience": "a"});
    for (other, pointer) in [
        (json!({"jwks": {}}), "/jwks"),
        (json!({"jwks": {"file": "k", "url": "https://a"}}), "/jwks"),
        (json!({"jwks": {"url": "http://issuer.example/keys"}}), "/jwks/url"),
        (json!({"jwks": {"url": "http://127.0.0.1.example/keys"}}), "/jwks/url"),
        (json!({"jwks": {"url": "http://localhost.example/keys"}}), "/jwks/url"),
        (json!({"jwks": {"url": "https://name:password@issuer.example/"}}), "/jwks/url"),
        (json!({"jwks": {"url": "file:///keys"}}), "/jwks/url"),
        (json!({"jwks": {"url": "/keys"}}), "/jwks/url"),
        (json!({"issuer": null}), ""),
        (json!({"audience": null}), ""),
        (json!({"issuer": ""}), "/issuer"),
        (json!({"audience": ""}), "/audience"),
        (json!({"audience": []}), "/audience"),
        (json!({"audience": ["a", ""]}), "/audience"),
        (json!({"principal": ""}), "/principal"),
        (json!({"algorithms": []}), "/algorithms"),
        (json!({"algorithms": ["HS256"]}), "/algorithms/0"),
        (json!({"algorithms": ["none"]}), "/algorithms/0"),
        (json!({"leeway": "11m"}), "/leeway"),
        (json!({"leeway": 60}), "/leeway"),
    ] {
        let config = merge(good.clone(), other.clone());
        let errors = config::parse::<JwtConfig>(&config)
            .and_then(|config| JwtCheck::compile(&config, Path::new("/")).map(drop))
            .expect_err(&other.to_string());
        assert_eq!(errors[0].pointer, pointer, "{other}: {errors:?}");
    }
    for url in ["https://issuer.example/keys", "http://127.0.0.1:8080/", "http://[::1]/", "http://localhost/keys"] {
        let config = merge(good.clone(), json!({"jwks": {"url": url}}));
        JwtCheck::compile(&config::parse(&config).unwrap(), Path::new("/")).unwrap();
    }
}
