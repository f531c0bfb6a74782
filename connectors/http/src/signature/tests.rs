//! Which requests a signature lets in. The codes come from the senders' own documentation, or from openssl.
#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value as Json, json};
use tidegate_connector::config;

use super::*;

/// GitHub's documented example ("Validating webhook deliveries").
const GITHUB_SECRET: &str = "It's a Secret to Everybody";
const GITHUB_BODY: &[u8] = b"Hello, World!";
const GITHUB_CODE: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
/// Slack's documented example ("Verifying requests from Slack").
const SLACK_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const SLACK_BODY: &[u8] = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
const SLACK_CODE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
const SLACK_TIME: u64 = 1531420618;

struct Check {
    check: SignatureCheck,
    _secrets: tempfile::TempDir,
}

impl Check {
    fn new(secret: &str, mut form: Json) -> Check {
        let secrets = tempfile::tempdir().unwrap();
        std::fs::write(secrets.path().join("secret"), secret).unwrap();
        form["secret"] = json!({"file": "secret"});
        let form: SignatureConfig = config::parse(&form).unwrap();
        Check { check: SignatureCheck::compile(&form, secrets.path()).unwrap(), _secrets: secrets }
    }

    fn at(&self, now: u64, headers: &[(&'static str, &str)], body: &[u8], expected: Result<(), &str>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let got = self.check.check_at(now, &map, body).map_err(|error| error.to_string());
        assert_eq!(got.as_ref().map_err(String::as_str), expected.as_ref().map_err(|e| *e), "{headers:?}");
    }
}

#[test]
fn githubs_own_example_is_let_in_and_nothing_near_it() {
    let github = Check::new(GITHUB_SECRET, json!({}));
    let right = format!("sha256={GITHUB_CODE}");
    const WRONG: Result<(), &str> = Err("the signature in header `x-hub-signature-256` does not fit the body");
    const NOTHING: Result<(), &str> = Err("header `x-hub-signature-256` has nothing that begins with `sha256=`");
    let name = "x-hub-signature-256";
    github.at(0, &[(name, &right)], GITHUB_BODY, Ok(()));
    github.at(0, &[(name, &format!("sha256={}", GITHUB_CODE.to_uppercase()))], GITHUB_BODY, Ok(()));
    // A replayed signature with another body.
    github.at(0, &[(name, &right)], b"Hello, World?", WRONG);
    github.at(0, &[(name, &right)], b"", WRONG);
    github.at(0, &[(name, &right)], b"Hello, World!\n", WRONG);
    github.at(0, &[(name, &right[..right.len() - 1])], GITHUB_BODY, WRONG);
    github.at(0, &[(name, &format!("{right}0"))], GITHUB_BODY, WRONG);
    github.at(0, &[(name, "sha256=")], GITHUB_BODY, WRONG);
    github.at(0, &[(name, "sha256=zz")], GITHUB_BODY, WRONG);
    github.at(0, &[(name, GITHUB_CODE)], GITHUB_BODY, NOTHING);
    github.at(0, &[(name, &format!("sha1={GITHUB_CODE}"))], GITHUB_BODY, NOTHING);
    github.at(0, &[], GITHUB_BODY, Err("header `x-hub-signature-256` is missing"));
    github.at(0, &[("x-hub-signature", &right)], GITHUB_BODY, Err("header `x-hub-signature-256` is missing"));
    let twice = Err("header `x-hub-signature-256` is given twice");
    github.at(0, &[(name, "sha256=00"), (name, &right)], GITHUB_BODY, twice);
    // No separator: a second signature beside the first is part of it.
    github.at(0, &[(name, &format!("sha256=00,{right}"))], GITHUB_BODY, WRONG);
    Check::new("another secret", json!({})).at(0, &[(name, &right)], GITHUB_BODY, WRONG);
}

fn slack() -> Check {
    let form = json!({
        "header": "X-Slack-Signature", "prefix": "v0=", "signed": "v0:${timestamp}:${body}",
        "timestamp": {"header": "X-Slack-Request-Timestamp"},
    });
    Check::new(SLACK_SECRET, form)
}

#[test]
fn slacks_own_example_is_let_in_while_it_is_fresh() {
    let time = SLACK_TIME.to_string();
    let headers = [("x-slack-signature", SLACK_CODE), ("x-slack-request-timestamp", time.as_str())];
    for now in [SLACK_TIME, SLACK_TIME + 300, SLACK_TIME - 300] {
        slack().at(now, &headers, SLACK_BODY, Ok(()));
    }
    let header = "the timestamp in header `x-slack-request-timestamp` is";
    let old = format!("{header} too old: 300 s are allowed");
    slack().at(SLACK_TIME + 301, &headers, SLACK_BODY, Err(&old));
    let ahead = format!("{header} too far ahead: 300 s are allowed");
    slack().at(SLACK_TIME - 301, &headers, SLACK_BODY, Err(&ahead));
    slack().at(SLACK_TIME, &headers[..1], SLACK_BODY, Err("header `x-slack-request-timestamp` is missing"));
    for bad in ["", "-1", "+1531420618", "1e9", "99999999999999999999", "1531420618.0"] {
        let headers = [headers[0], ("x-slack-request-timestamp", bad)];
        slack().at(SLACK_TIME, &headers, SLACK_BODY, Err(&format!("{header} no number of seconds")));
    }
}

/// An old request made fresh by another timestamp: it is part of what was signed.
#[test]
fn a_timestamp_cannot_be_exchanged() {
    let later = (SLACK_TIME + 3600).to_string();
    let headers = [("x-slack-signature", SLACK_CODE), ("x-slack-request-timestamp", later.as_str())];
    let wrong = Err("the signature in header `x-slack-signature` does not fit the body");
    slack().at(SLACK_TIME + 3600, &headers, SLACK_BODY, wrong);
}

/// Codes by `printf '1492774577.{}' | openssl dgst -sha256 -hmac whsec_test`.
#[test]
fn one_good_signature_of_several_is_enough() {
    let stripe = Check::new(
        "whsec_test",
        json!({
            "header": "Stripe-Signature", "separator": ",", "prefix": "v1=", "signed": "${timestamp}.${body}",
            "timestamp": {"header": "Stripe-Signature", "prefix": "t=", "tolerance": "10s"},
        }),
    );
    let code = stripe_code();
    let now = 1492774577;
    let many = format!("t=1492774577{}", ",v1=00".repeat(15));
    for (header, expected) in [
        (format!("t=1492774577,v1={code}"), Ok(())),
        (format!("t=1492774577, v1={:064},v1={code},v0=x", 0), Ok(())),
        (format!("v1={code},t=1492774577"), Ok(())),
        (format!("t=1492774578,v1={code}"), Err("the signature in header `stripe-signature` does not fit the body")),
        (format!("{many},v1={code}"), Err("the signature in header `stripe-signature` does not fit the body")),
        (format!("v1={code}"), Err("header `stripe-signature` has nothing that begins with `t=`")),
        ("t=1492774577".into(), Err("header `stripe-signature` has nothing that begins with `v1=`")),
    ] {
        stripe.at(now, &[("stripe-signature", &header)], b"{}", expected);
    }
}

fn stripe_code() -> &'static str {
    "0d0602f6611bd2252dd4b74b58a4528355a7380639a15e6cc21e3059d56d5b8b"
}

/// Codes by `printf 'msg_1.{}' | openssl dgst -sha512 -hmac k -binary | base64 -w0`, and with `tr '+/' '-_' | tr -d =`.
#[test]
fn other_algorithms_and_encodings() {
    for (encoding, code) in [
        ("base64", "uTBFixRgBOxwJ0oAt/DanTQNV7tWVjGPyAV4ae5wTOO29Bdm8k+u7d4I5wuCjTstOFKC0Pb0n0wxaWWfTBjM4A=="),
        ("base64url", "uTBFixRgBOxwJ0oAt_DanTQNV7tWVjGPyAV4ae5wTOO29Bdm8k-u7d4I5wuCjTstOFKC0Pb0n0wxaWWfTBjM4A"),
    ] {
        let form =
            json!({"header": "X-Sig", "algorithm": "sha512", "encoding": encoding, "signed": "${header.X-Id}.${body}"});
        let check = Check::new("k", form);
        check.at(0, &[("x-sig", code), ("x-id", "msg_1")], b"{}", Ok(()));
        let wrong = Err("the signature in header `x-sig` does not fit the body");
        check.at(0, &[("x-sig", code), ("x-id", "msg_2")], b"{}", wrong);
        check.at(0, &[("x-sig", &code.to_lowercase()), ("x-id", "msg_1")], b"{}", wrong);
        check.at(0, &[("x-sig", code)], b"{}", Err("header `x-id` is missing"));
    }
}

#[test]
fn without_a_secret_nothing_is_let_in_and_the_answer_names_no_file() {
    let nowhere = tempfile::tempdir().unwrap();
    let form: SignatureConfig = config::parse(&json!({"secret": {"file": "none"}})).unwrap();
    let check = SignatureCheck::compile(&form, nowhere.path()).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("x-hub-signature-256", format!("sha256={GITHUB_CODE}").parse().unwrap());
    let error = check.check(&headers, GITHUB_BODY).unwrap_err();
    assert_eq!(error, SignatureError::Unavailable);
    assert_eq!(error.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(error.to_string(), "signatures cannot be checked at the moment");
    assert_eq!(check.check(&HeaderMap::new(), b"").unwrap_err().status(), StatusCode::UNAUTHORIZED);
}

#[test]
fn mistakes_in_a_form_are_found_with_place_and_hint() {
    for (mut form, expected) in [
        (json!({"prefix": "x"}), "/prefix: applies to a form of your own only"),
        (json!({"header": "a b"}), "/header: `a b` is no header name"),
        (json!({"header": "X", "separator": ", "}), "/separator: must be one character"),
        (json!({"header": "X", "algorithm": "sha1"}), "/algorithm: unknown value `sha1`"),
        (json!({"header": "X", "encoding": "base32"}), "/encoding: unknown value `base32`"),
        (json!({"header": "X", "signed": "x"}), "/signed: `${body}` must stand here once, not 0 times"),
        (json!({"header": "X", "signed": "${body}${bdy}"}), "/signed: nothing is called `bdy` here"),
        (json!({"header": "X", "signed": "${body"}), "/signed: `${` without `}` in `${body`"),
        (json!({"header": "X", "signed": "${timestamp}${body}"}), "/signed: there is no `timestamp` here"),
        (json!({"header": "X", "timestamp": {"header": "Y"}}), "/signed: the timestamp is not part of what is signed"),
        (
            json!({"header": "X", "signed": "${timestamp}${body}", "timestamp": {"header": "Y", "tolerance": "500ms"}}),
            "/timestamp/tolerance: must be between 1s and 1440m",
        ),
        (json!({"header": "X", "timestamp": {}}), "/timestamp: `header` is required"),
        (json!({"headr": "X"}), "/headr: unknown key `headr`"),
    ] {
        form["secret"] = json!({"env": "X"});
        let compiled = config::parse(&form).and_then(|form| SignatureCheck::compile(&form, Path::new("")));
        let errors = compiled.unwrap_err();
        assert_eq!(errors.first().map(ToString::to_string).as_deref(), Some(expected), "{form}");
    }
}
