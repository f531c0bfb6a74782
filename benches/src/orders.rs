//! Input: orders as CloudEvents, the same in every run.

use std::{
    fmt::Write as _,
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

use bytes::Bytes;
use tidegate_event::{
    Event, Form,
    json::{self, Validate},
};

/// Bytes of one line, with its end.
pub const LINE: usize = 1076;

/// What the filter on `type` keeps: three of four.
pub const KEPT_PREFIX: &str = "com.acme.order.";

const TYPES: [&str; 4] =
    ["com.acme.order.placed", "com.acme.order.paid", "com.acme.invoice.sent", "com.acme.order.shipped"];

fn ty(n: usize) -> &'static str {
    TYPES[n % TYPES.len()]
}

/// JSON of exactly `size` bytes: an order with as many items as fit.
pub fn payload(n: usize, size: usize) -> String {
    let mut json = format!(r#"{{"order":{n},"customer":{{"id":{},"tier":"gold"}},"items":["#, n * 7 % 1000);
    let end = r#"],"note":""}"#;
    let mut separator = "";
    for at in 0.. {
        let mut item = String::new();
        let (sku, price) = ((n + at) * 37 % 9973, (n + at) * 13 % 20_000);
        let _ = write!(item, r#"{separator}{{"sku":"A-{sku:04}","quantity":{},"price":{price}}}"#, at % 9 + 1);
        if json.len() + item.len() + end.len() > size {
            break;
        }
        json.push_str(&item);
        separator = ",";
    }
    let filling = size.checked_sub(json.len() + end.len()).expect("an order has 80 bytes at least");
    json.push_str(r#"],"note":""#);
    json.extend(std::iter::repeat_n('n', filling));
    json.push_str(r#""}"#);
    json
}

/// One line of a file of orders: structured JSON of [`LINE`] bytes, the line's end included.
pub fn line(n: usize) -> String {
    let mut line = format!(
        concat!(
            r#"{{"specversion":"1.0","id":"{:08}","source":"/shops/eu/{}","type":"{}","subject":"orders/{}","#,
            r#""time":"2026-03-01T12:00:{:02}Z","datacontenttype":"application/json","partitionkey":"customer-{}","data":"#
        ),
        n,
        n % 10,
        ty(n),
        n,
        n % 60,
        n * 7 % 1000,
    );
    line.push_str(&payload(n, LINE - line.len() - "}\n".len()));
    line.push_str("}\n");
    line
}

/// Writes a file of so many lines.
pub fn write_lines(path: &Path, lines: usize) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    for n in 0..lines {
        file.write_all(line(n).as_bytes()).unwrap();
    }
    file.into_inner().unwrap().sync_all().unwrap();
}

/// The `batch`th `count` events with a payload of so many bytes, each owning its parts, as a protocol binding makes them.
pub fn events(batch: usize, count: usize, payload_bytes: usize) -> Vec<Event> {
    let event = |n: usize| {
        Event::builder()
            .id(&format!("{n:08}"))
            .source(&format!("/shops/eu/{}", n % 10))
            .ty(ty(n))
            .subject(&format!("orders/{n}"))
            .time(&format!("2026-03-01T12:00:{:02}Z", n % 60))
            .datacontenttype("application/json")
            .data(Form::Json, payload(n, payload_bytes))
            .build()
            .unwrap()
    };
    (batch * count..(batch + 1) * count).map(event).collect()
}

/// The `batch`th `count` events decoded from lines, each owning its line.
pub fn decoded(batch: usize, count: usize) -> Vec<Event> {
    let event = |n| json::decode(&Bytes::from(line(n).trim_end().to_owned()), Validate::Envelope).unwrap();
    (batch * count..(batch + 1) * count).map(event).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_their_size_and_are_events() {
        for n in [0, 1, 99_999] {
            assert_eq!(line(n).len(), LINE);
            let text = Bytes::from(line(n));
            let event = json::decode(&text.slice(..LINE - 1), Validate::Full).unwrap();
            assert_eq!(event.ty().starts_with(KEPT_PREFIX), n % 4 != 2);
        }
    }

    #[test]
    fn payloads_have_their_size() {
        for size in [100, 1024, 65536] {
            assert_eq!(payload(12, size).len(), size);
        }
    }
}
