//! Requests as they are sent: orders of 1 KiB, the same in every run.

use std::{net::SocketAddr, str::FromStr};

use crate::orders;

/// Distinct requests that are sent in turn: more keys than lanes, little enough for the cache of who sends.
const DISTINCT: usize = 256;

/// Data of an event, in bytes.
const PAYLOAD: usize = 1024;

/// How events stand in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One, its attributes in headers.
    Binary,
    /// One, as JSON.
    Structured,
    /// [`BATCH`](Mode::BATCH) of them, as a JSON array.
    Batched,
}

impl Mode {
    const BATCH: usize = 100;

    pub(crate) fn name(self) -> &'static str {
        match self {
            Mode::Binary => "binary",
            Mode::Structured => "structured",
            Mode::Batched => "batched",
        }
    }

    /// Events in a request.
    pub(crate) fn events(self) -> usize {
        if self == Mode::Batched { Mode::BATCH } else { 1 }
    }

    /// Whole requests to this address, head and body.
    pub(crate) fn requests(self, address: SocketAddr) -> Vec<Vec<u8>> {
        (0..DISTINCT / self.events().min(DISTINCT / 8)).map(|n| self.request(address, n)).collect()
    }

    fn request(self, address: SocketAddr, n: usize) -> Vec<u8> {
        let (headers, body) = match self {
            Mode::Binary => (binary_headers(n), orders::payload(n, PAYLOAD)),
            Mode::Structured => ("content-type: application/cloudevents+json\r\n".to_owned(), structured(n)),
            Mode::Batched => {
                let events: Vec<String> = (n * Mode::BATCH..(n + 1) * Mode::BATCH).map(structured).collect();
                ("content-type: application/cloudevents-batch+json\r\n".to_owned(), format!("[{}]", events.join(",")))
            }
        };
        let length = body.len();
        format!("POST /orders HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
            .into_bytes()
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(name: &str) -> Result<Mode, String> {
        let all = [Mode::Binary, Mode::Structured, Mode::Batched];
        all.into_iter().find(|mode| mode.name() == name).ok_or_else(|| format!("no mode {name}"))
    }
}

fn binary_headers(n: usize) -> String {
    format!(
        concat!(
            "content-type: application/json\r\nce-specversion: 1.0\r\nce-id: {:08}\r\nce-source: /shops/eu/{}\r\n",
            "ce-type: {}placed\r\nce-subject: orders/{}\r\nce-time: 2026-03-01T12:00:{:02}Z\r\n",
            "ce-partitionkey: customer-{}\r\n"
        ),
        n,
        n % 10,
        orders::KEPT_PREFIX,
        n,
        n % 60,
        n * 7 % 1000,
    )
}

fn structured(n: usize) -> String {
    format!(
        concat!(
            r#"{{"specversion":"1.0","id":"{:08}","source":"/shops/eu/{}","type":"{}placed","subject":"orders/{}","#,
            r#""time":"2026-03-01T12:00:{:02}Z","datacontenttype":"application/json","partitionkey":"customer-{}","data":{}}}"#
        ),
        n,
        n % 10,
        orders::KEPT_PREFIX,
        n,
        n % 60,
        n * 7 % 1000,
        orders::payload(n, PAYLOAD),
    )
}
