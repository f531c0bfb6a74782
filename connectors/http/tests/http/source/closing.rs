//! How a listener ends: what is under way is answered, what waits is sent back, and the address is free again.

use serde_json::json;
use tidegate_connector::{Connector, Place, Settled, SourceError};
use tidegate_connector_http::Http;
use tokio::net::TcpStream;

use super::raw::{Client, event};
use super::rig::{next, open_one, soon};

#[tokio::test]
async fn a_lane_that_closes_answers_everybody_and_the_last_waits_for_that() {
    let mut rig = open_one(json!({})).await;
    let mut idle = Client::connect(rig.address).await;
    let mut taken = Client::connect(rig.address).await;
    taken.send(event("1", "t", &[])).await;
    let delivery = next(&mut rig.lanes[0]).await;
    let mut queued = Client::connect(rig.address).await;
    queued.send(event("2", "t", &[])).await;
    assert!(queued.is_silent().await);
    delivery.settlement.settle(Settled::Ack).await.unwrap();

    soon("the close", rig.lanes.remove(0).close()).await.unwrap();
    assert!(TcpStream::connect(rig.address).await.is_err(), "nothing listens any more");
    assert_eq!(taken.answer().await.unwrap().status, 204);
    let answer = queued.answer().await.unwrap();
    assert_eq!((answer.status, answer.header("connection")), (503, Some("close")));
    assert!(answer.header("retry-after").is_some() && answer.detail().contains("stop"), "{answer:?}");
    for client in [&mut idle, &mut taken, &mut queued] {
        assert!(client.closed().await);
    }
}

#[tokio::test]
async fn a_source_that_is_dropped_answers_what_is_under_way_and_nothing_new() {
    let mut rig = open_one(json!({})).await;
    let mut client = Client::connect(rig.address).await;
    client.send(event("1", "t", &[])).await;
    let delivery = next(&mut rig.lanes[0]).await;
    drop(rig.source);
    while TcpStream::connect(rig.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    delivery.settlement.settle(Settled::Ack).await.unwrap();
    let answer = client.answer().await.unwrap();
    assert_eq!((answer.status, answer.header("connection")), (204, Some("close")));
    assert!(client.closed().await);
}

#[tokio::test]
async fn an_address_that_is_taken_is_tried_again() {
    let mut rig = open_one(json!({})).await;
    let place = Place { base_dir: ".".as_ref(), state_dir: ".".as_ref() };
    let config = json!({"listen": rig.address.to_string(), "lanes": 1});
    let mut second = Http::default().open_source("default/second", &config, &place).unwrap();
    match second.lane().await.map(drop) {
        Err(SourceError::Transient { place, .. }) => assert!(place.contains(&rig.address.to_string()), "{place}"),
        other => panic!("{other:?}"),
    }
    rig.lanes.remove(0).close().await.unwrap();
    let lane = second.lane().await.unwrap().unwrap();
    assert_eq!(lane.name(), format!("{}/0", rig.address));
}

#[tokio::test]
async fn a_lane_that_is_lost_answers_its_clients() {
    let rig = open_one(json!({})).await;
    let mut client = Client::connect(rig.address).await;
    client.send(event("1", "t", &[])).await;
    assert!(client.is_silent().await);
    drop(rig.lanes);
    assert_eq!(client.answer().await.unwrap().status, 503);
}
