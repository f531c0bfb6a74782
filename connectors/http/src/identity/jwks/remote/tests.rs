//! A key set behind a real HTTP server that misbehaves.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::*;
use crate::identity::testing::{Answer, KeyServer, Signer, key_set};

const HURRIED: Pace = Pace { between: Duration::ZERO, request: Duration::from_millis(500), ..PACE };

fn one_key() -> Value {
    Signer::new(Algorithm::ES256, "k").jwk(json!({}))
}

fn good() -> Answer {
    Answer::Status(200, key_set([one_key()]))
}

async fn elsewhere() -> String {
    // Its server goes on after this.
    KeyServer::start(good()).await.url
}

/// All that is no key set, and nothing that hangs.
async fn bad() -> Vec<Answer> {
    let many = (0..=super::super::KEYS_MAX).map(|_| one_key());
    let mut answers = vec![
        Answer::Redirect(elsewhere().await),
        Answer::Silence,
        Answer::Trickle,
        Answer::Endless,
        Answer::Status(200, format!("{}{}", " ".repeat(ANSWER_BYTES_MAX), key_set([one_key()]))),
        Answer::Status(200, key_set(many)),
    ];
    for (status, body) in [(200, ""), (200, "{}"), (200, "<html>"), (200, r#"{"keys": 1}"#)] {
        answers.push(Answer::Status(status, body.to_owned()));
    }
    for status in [201, 401, 404, 429, 500, 503] {
        answers.push(Answer::Status(status, key_set([one_key()])));
    }
    answers
}

#[tokio::test]
async fn no_key_set_no_keys_and_back_when_it_is_good_again() {
    for answer in bad().await {
        let server = KeyServer::start(answer.clone()).await;
        let remote = Remote::with_pace(&server.url, HURRIED).unwrap();
        remote.current().await.expect_err(&format!("{answer:?}"));
        server.answer(good());
        remote.current().await.unwrap();
    }
}

#[tokio::test]
async fn nobody_listens() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    Remote::with_pace(&url, HURRIED).unwrap().current().await.expect_err("nobody there");
}

#[tokio::test]
async fn known_keys_outlast_a_bad_server_but_not_for_ever() {
    for answer in bad().await {
        let server = KeyServer::start(good()).await;
        let remote = Remote::with_pace(&server.url, HURRIED).unwrap();
        let known = remote.current().await.unwrap();
        server.answer(answer.clone());
        assert!(remote.newer(&known).await.is_none(), "{answer:?}");
        assert_eq!(remote.current().await.unwrap().number(), known.number(), "{answer:?}");
    }
    let server = KeyServer::start(good()).await;
    let remote = Remote::with_pace(&server.url, Pace { kept: Duration::ZERO, ..HURRIED }).unwrap();
    remote.current().await.expect_err("too old at once");
}

#[tokio::test]
async fn the_same_answer_is_the_same_set() {
    let server = KeyServer::start(good()).await;
    let remote = Remote::with_pace(&server.url, HURRIED).unwrap();
    let known = remote.current().await.unwrap();
    assert!(remote.newer(&known).await.is_none());
    assert_eq!(server.asked(), 2);
    server.keys([one_key()]);
    let newer = remote.newer(&known).await.unwrap();
    // Whoever still has the old one gets what is there, without another request.
    assert_eq!(remote.newer(&known).await.unwrap().number(), newer.number());
    assert_eq!(server.asked(), 3);
}

#[tokio::test]
async fn many_wait_for_one_request() {
    let server = KeyServer::start(good()).await;
    let remote = Arc::new(Remote::with_pace(&server.url, PACE).unwrap());
    let all: Vec<_> = (0..100)
        .map(|_| {
            let remote = remote.clone();
            tokio::spawn(async move { remote.current().await.map(|keys| keys.number()) })
        })
        .collect();
    let mut numbers = Vec::new();
    for one in all {
        numbers.push(one.await.unwrap().unwrap());
    }
    numbers.dedup();
    assert_eq!((numbers.len(), server.asked()), (1, 1));
}

#[tokio::test]
async fn who_asked_first_may_go_away() {
    let server = KeyServer::start(Answer::Silence).await;
    let remote = Remote::with_pace(&server.url, HURRIED).unwrap();
    {
        let mut first = std::pin::pin!(remote.current());
        assert!(futures_util::poll!(first.as_mut()).is_pending());
    }
    remote.current().await.expect_err("silent");
    server.answer(good());
    remote.current().await.unwrap();
}
