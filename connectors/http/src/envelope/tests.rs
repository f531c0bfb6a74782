//! Which events requests become.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;

use http::Request;
use serde_json::{Value as Json, json};
use tidegate_connector::config;
use tidegate_event::Form;

use super::*;

fn envelope(config: Json) -> Result<RequestEnvelope, Vec<ConfigError>> {
    RequestEnvelope::compile(&config::parse(&config)?)
}

fn request(line: &str, headers: &[(&str, &str)]) -> http::request::Parts {
    let (method, uri) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    parts.extensions.insert(SocketAddr::from(([192, 0, 2, 7], 5000)));
    parts
}

/// Wraps a request and shows the attributes asked for, as `name=value` with blanks between, or what is wrong.
fn check(config: &Json, line: &str, headers: &[(&str, &str)], body: &str, expected: Result<&[(&str, &str)], &str>) {
    let envelope = envelope(config.clone()).unwrap();
    let got = envelope.wrap(&request(line, headers), Bytes::copy_from_slice(body.as_bytes()));
    match (got, expected) {
        (Ok(event), Ok(attributes)) => {
            for (name, value) in attributes {
                let found = event.attribute(name);
                assert_eq!(found.as_deref().unwrap_or("-"), *value, "{name} of {line} {headers:?} {body}");
            }
        }
        (got, expected) => {
            assert_eq!(got.map(drop), expected.map(drop).map_err(str::to_owned), "{line} {headers:?} {body}");
        }
    }
}

#[test]
fn rules_take_what_they_name_of_the_request() {
    for (template, expected) in [
        ("${method}", Ok("POST")),
        ("${path}", Ok("/a%20b/c")),
        ("${host}", Ok("shop.example")),
        ("${remote}", Ok("192.0.2.7")),
        ("${header.X-Kind}-${method}-${header.x-kind}", Ok("Größe-POST-Größe")),
        ("${query.a}", Ok("1 2/é")),
        ("[${query.b}]", Ok("[]")),
        ("${data.n}", Ok("7")),
        ("$${method}$$", Ok("${method}$")),
        ("${requestid}", Ok("r-1")),
        ("${header.x-none}", Err("header `x-none` is missing")),
        ("${query.none}", Err("query parameter `none` is missing")),
        ("${query.bad}", Err("query parameter `bad` is not UTF-8")),
        ("${data.none}", Err("field `none` is missing")),
    ] {
        let headers = [("host", "shop.example"), ("x-kind", "Größe"), ("x-request-id", "r-1")];
        let config = json!({"type": "t", "source": "/s", "subject": template});
        let expected = expected.map(|value| [("subject", value)]);
        let expected = expected.as_ref().map(<[_; 1]>::as_slice).map_err(|problem| *problem);
        check(&config, "POST /a%20b/c?a=1+2%2F%C3%A9&b&bad=%ff&a=x", &headers, r#"{"n": 7}"#, expected);
    }
}

#[test]
fn a_request_sent_again_has_the_same_id_and_another_one_another() {
    let config = json!({"type": "t", "source": "/s"});
    let id = |line: &str, headers: &[(&str, &str)], body: &str| {
        let body = Bytes::copy_from_slice(body.as_bytes());
        envelope(config.clone()).unwrap().wrap(&request(line, headers), body).unwrap().id().to_owned()
    };
    assert_eq!(id("POST /a", &[("idempotency-key", "\"k 1\""), ("x-request-id", "r")], "{}"), "k 1");
    assert_eq!(id("POST /a", &[("x-request-id", "r")], "{}"), "r");
    let plain = id("POST /a", &[("date", "today")], "{}");
    assert_eq!(plain, id("POST /a", &[("date", "tomorrow"), ("idempotency-key", ""), ("x-request-id", "\"\"")], "{}"));
    for other in
        [id("PUT /a", &[], "{}"), id("POST /b", &[], "{}"), id("POST /a?x", &[], "{}"), id("POST /a", &[], "{ }")]
    {
        assert_ne!(plain, other);
    }
    assert_eq!(plain.len(), 32);
}

#[test]
fn generic_takes_every_request() {
    let generic = json!("generic");
    let json = ("content-type", "application/json; charset=utf-8");
    check(
        &generic,
        "POST /orders/7?x=1",
        &[json, ("x-event-type", "com.acme.order"), ("x-request-id", "r")],
        r#"{"n": 1}"#,
        Ok(&[
            ("id", "r"),
            ("source", "/orders/7"),
            ("type", "com.acme.order"),
            ("datacontenttype", "application/json; charset=utf-8"),
            ("subject", "-"),
            ("time", "-"),
        ]),
    );
    check(
        &generic,
        "GET /",
        &[],
        "",
        Ok(&[("type", "dev.tidegate.request"), ("source", "/"), ("datacontenttype", "-")]),
    );
    // Servers take paths that are no URI-references.
    check(&generic, "GET /a|b%zz%41%/%F0%9f", &[], "", Ok(&[("source", "/a%7Cb%25zz%41%25/%F0%9f")]));
    check(&generic, "POST /", &[json], "{", Err("the body is no JSON: byte 0: is not JSON"));
    check(&generic, "POST /", &[("x-event-type", "")], "", Err("the envelope does not fit: attribute `type` is empty"));
    let bad = Err("the envelope does not fit: attribute `datacontenttype` is not a media type");
    check(&generic, "POST /", &[("content-type", "json")], "", bad);
}

#[test]
fn generic_data_has_the_form_of_its_content_type() {
    let generic = envelope(json!("generic")).unwrap();
    for (content_type, body, expected) in [
        (Some("application/json"), &b"[1]"[..], Some(Form::Json)),
        (Some("text/csv"), b"a,b", Some(Form::Text)),
        (Some("text/plain; charset=latin1"), b"\xe9", Some(Form::Binary)),
        (Some("image/png"), b"\x89PNG", Some(Form::Binary)),
        (None, b"{}", Some(Form::Binary)),
        (Some("application/json"), b"", None),
        (None, b"", None),
    ] {
        let headers: Vec<_> = content_type.iter().map(|content_type| ("content-type", *content_type)).collect();
        let event = generic.wrap(&request("POST /", &headers), Bytes::from_static(body)).unwrap();
        let data = event.data().map(|data| (data.form, data.bytes));
        assert_eq!(data, expected.map(|form| (form, body)), "{content_type:?}");
    }
}

const GITHUB: [(&str, &str); 2] = [("x-github-delivery", "d-1"), ("content-type", "application/json")];

/// The rows of the adapter that differ from each other, with payloads cut down to what is looked at.
#[test]
fn github_events_are_mapped_as_the_adapter_says() {
    for (event, body, expected) in [
        (
            "pull_request",
            r#"{"action":"opened","number":2,"pull_request":{"updated_at":"2019-05-15T15:20:33Z"},"repository":{"url":"https://api.github.com/repos/o/r"}}"#,
            ["com.github.pull_request.opened", "https://api.github.com/repos/o/r", "2", "2019-05-15T15:20:33Z"],
        ),
        (
            "issues",
            r#"{"action":"edited","issue":{"number":1,"updated_at":"2019-05-15T15:20:18Z"},"repository":{"url":"https://r"}}"#,
            ["com.github.issue.edited", "https://r", "1", "2019-05-15T15:20:18Z"],
        ),
        (
            "push",
            r#"{"ref":"refs/tags/simple-tag","repository":{"url":"https://r","updated_at":1557933657}}"#,
            ["com.github.push", "https://r", "refs/tags/simple-tag", "-"],
        ),
        (
            "check_run",
            r#"{"action":"created","check_run":{"id":128620228,"completed_at":null,"started_at":"2019-05-15T15:21:12Z"},"repository":{"url":"https://r"}}"#,
            ["com.github.check_run.created", "https://r", "128620228", "2019-05-15T15:21:12Z"],
        ),
        (
            "create",
            r#"{"ref":"simple-tag","ref_type":"tag","repository":{"url":"https://r"}}"#,
            ["com.github.create.tag", "https://r", "simple-tag", "-"],
        ),
        (
            "commit_comment",
            r#"{"action":"created","comment":{"url":"https://c/1","commit_id":"6113","id":33548674,"updated_at":"2019-05-15T15:20:39Z"}}"#,
            ["com.github.commit_comment.created", "https://c/1/6113", "33548674", "2019-05-15T15:20:39Z"],
        ),
        (
            "deployment_status",
            r#"{"deployment_status":{"url":"https://d/s","state":"success","updated_at":"2019-05-15T15:20:53Z"},"deployment":{"url":"https://d"}}"#,
            ["com.github.deployment_status.success", "https://d", "https://d/s", "2019-05-15T15:20:53Z"],
        ),
        (
            "membership",
            r#"{"action":"removed","scope":"team","member":{"login":"octocat"},"team":{"url":"https://t"}}"#,
            ["com.github.membership.team.removed", "https://t", "octocat", "-"],
        ),
        (
            "marketplace_purchase",
            r#"{"action":"purchased","effective_date":"2017-10-25T00:00:00+00:00","sender":{"url":"https://api.github.com/users/u"},"marketplace_purchase":{"account":{"login":"a"}}}"#,
            [
                "com.github.marketplace_purchase.purchased",
                "https://api.github.com/users",
                "a",
                "2017-10-25T00:00:00+00:00",
            ],
        ),
        (
            "security_advisory",
            r#"{"action":"published","security_advisory":{"ghsa_id":"GHSA-1","updated_at":"2018-09-05T08:00:00Z"}}"#,
            ["com.github.security_advisory.published", "github.com", "GHSA-1", "2018-09-05T08:00:00Z"],
        ),
        // A number where the adapter expects a timestamp.
        (
            "installation",
            r#"{"action":"deleted","installation":{"id":2,"updated_at":1557933591,"account":{"url":"https://u"}}}"#,
            ["com.github.installation.deleted", "https://u", "2", "-"],
        ),
        // Not in the adapter.
        (
            "workflow_run",
            r#"{"action":"requested","repository":{"url":"https://r"}}"#,
            ["com.github.workflow_run.requested", "https://r", "-", "-"],
        ),
        ("ping", r#"{"zen":"z","organization":{"url":"https://o"}}"#, ["com.github.ping", "https://o", "-", "-"]),
        ("ping", r#"{}"#, ["com.github.ping", "https://github.com", "-", "-"]),
    ] {
        let headers = [&GITHUB[..], &[("x-github-event", event)]].concat();
        let names = ["type", "source", "subject", "time"];
        let attributes: Vec<_> = names.into_iter().zip(expected).chain([("id", "d-1")]).collect();
        check(&json!("github"), "POST /hooks", &headers, body, Ok(&attributes));
    }
}

#[test]
fn what_is_no_github_webhook_is_refused() {
    let with = |event: &'static str| [&GITHUB[..], &[("x-github-event", event)]].concat();
    for (headers, body, problem) in [
        (GITHUB.to_vec(), "{}", "header `x-github-event` is missing"),
        (with("push")[1..].to_vec(), "{}", "header `x-github-delivery` is missing"),
        (with("a.b"), "{}", "header `x-github-event` is no name of an event"),
        (with(""), "{}", "header `x-github-event` is no name of an event"),
        (with("push"), "{", "the body is no JSON: byte 0: is not JSON"),
        (with("push"), "[]", "the body is no JSON object"),
        (
            vec![
                ("x-github-delivery", "d"),
                ("x-github-event", "push"),
                ("content-type", "application/x-www-form-urlencoded"),
            ],
            "payload=%7B%7D",
            "`application/x-www-form-urlencoded` is not JSON: let the webhook's content type be `application/json`",
        ),
    ] {
        check(&json!("github"), "POST /", &headers, body, Err(problem));
    }
}

#[test]
fn mistakes_in_a_rule_have_a_place_and_a_hint() {
    for (config, place, hint) in [
        (json!("githob"), ": unknown value `githob`", Some("did you mean `github`?")),
        (json!({"type": "t"}), ": `source` is required", None),
        (json!({"type": "t", "sorce": "/"}), "/sorce: unknown key `sorce`", Some("did you mean `source`?")),
        (
            json!({"type": "${metod}", "source": "/"}),
            "/type: nothing is called `metod` here",
            Some("did you mean `${method}`?"),
        ),
        (
            json!({"type": "t", "source": "/", "id": "${header.a b}"}),
            "/id: nothing is called `header.a b` here",
            Some("for a field of the message write `${data.header.a b}`"),
        ),
        (
            json!({"type": "t", "source": "/", "id": "${header.Authorization}"}),
            "/id: nothing is called `header.Authorization` here",
            Some("for a field of the message write `${data.header.Authorization}`"),
        ),
    ] {
        let errors = envelope(config.clone()).unwrap_err();
        let error = errors.first().unwrap();
        assert_eq!((error.to_string().as_str(), error.hint.as_deref()), (place, hint), "{config}");
    }
    let error = envelope(json!(7)).unwrap_err().remove(0);
    assert!(error.problem.contains("expected `generic`, `github` or a rule"), "{error}");
}
