//! The orders of the demo: made from their number alone, so that everyone can say what becomes of each.

use std::io::Write as _;

use serde_json::{Value, json};

/// Sinks, `namespace/name`.
pub(crate) const EU: &str = "shop/eu";
pub(crate) const US: &str = "shop/us";

/// What the transform puts in place of what it hides.
const REDACTED: &str = "***";

/// Which build of the filter decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    First,
    Second,
}

/// Where an order must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Delivered(&'static str),
    /// It passes, but no sink wants its region.
    Nobody,
    Dropped(&'static str),
}

impl Fate {
    pub(crate) fn is_to(&self, sink: &str) -> bool {
        matches!(self, Fate::Delivered(to) if *to == sink)
    }
}

/// One order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    number: u64,
}

impl Order {
    /// The order of this number, from 0.
    pub(crate) fn nth(number: u64) -> Order {
        Order { number }
    }

    pub(crate) fn number(self) -> u64 {
        self.number
    }

    pub(crate) fn id(self) -> String {
        format!("order-{:06}", self.number)
    }

    pub(crate) fn number_of(id: &str) -> Option<u64> {
        id.strip_prefix("order-")?.parse().ok()
    }

    /// Where it must end under a generation.
    pub(crate) fn fate(self, under: Generation) -> Fate {
        if self.is_test() {
            return Fate::Dropped("test order");
        }
        if self.cents() <= 0 {
            return Fate::Dropped("amount is not positive");
        }
        if under == Generation::Second && self.cents() > 1_000_000 {
            return Fate::Dropped("amount over the limit");
        }
        match self.region() {
            "eu" => Fate::Delivered(EU),
            "us" => Fate::Delivered(US),
            _ => Fate::Nobody,
        }
    }

    /// Appends it as a line: a CloudEvent in JSON.
    pub(crate) fn write_line(self, out: &mut Vec<u8>) {
        let region = self.region();
        let ty = if self.is_test() { "com.acme.order.test" } else { "com.acme.order.placed" };
        let id = self.id();
        let data = self.data();
        // Memory takes everything.
        let _ = writeln!(
            out,
            r#"{{"specversion":"1.0","id":"{id}","source":"/shop/{region}","type":"{ty}","datacontenttype":"application/json","data":{data}}}"#
        );
    }

    /// Whether what came out hides what must be hidden, and is otherwise what went in.
    pub(crate) fn check_redacted(self, line: &str, event: &Value) -> Result<(), &'static str> {
        if ["@example.com", "4111-"].iter().any(|secret| line.contains(secret)) {
            return Err("it was not redacted");
        }
        let mut expected = self.data();
        expected["customer"]["email"] = json!(REDACTED);
        expected["card"] = json!(REDACTED);
        if event.get("data") == Some(&expected) { Ok(()) } else { Err("its data is not what went in") }
    }

    /// Its payload, as it is written.
    pub(crate) fn data(self) -> Value {
        let Order { number } = self;
        let cents = self.cents();
        json!({
            "region": self.region(),
            "amount": cents as f64 / 100.0,
            "customer": {"name": format!("Customer {}", number % 977), "email": format!("customer.{}@example.com", number % 977)},
            "card": format!("4111-1111-1111-{:04}", number % 10_000),
        })
    }

    fn is_test(self) -> bool {
        self.number % 50 == 7
    }

    fn region(self) -> &'static str {
        match self.number % 10 {
            0..5 => "eu",
            5..9 => "us",
            _ => "apac",
        }
    }

    /// Mostly some ten to thousand; now and then a refund that is no order, or a sum that only the second build refuses.
    fn cents(self) -> i64 {
        let number = i64::try_from(self.number % 1_000_000).unwrap_or(0);
        match self.number % 40 {
            11 => -(number % 10_000) - 100,
            23 => 1_000_100 + number,
            _ => 1_000 + (number * 7_919) % 90_000,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    #[test]
    fn orders_have_every_fate_and_know_their_number() {
        let fates = |under| (0..1_000).map(move |number| Order::nth(number).fate(under)).collect::<Vec<_>>();
        for fate in [Fate::Delivered(EU), Fate::Delivered(US), Fate::Nobody, Fate::Dropped("test order")] {
            assert!(fates(Generation::First).contains(&fate), "{fate:?}");
        }
        assert_ne!(fates(Generation::First), fates(Generation::Second), "a swap must be seen");
        assert_eq!(Order::number_of(&Order::nth(17).id()), Some(17));
    }

    #[test]
    fn what_is_not_redacted_is_found() {
        let order = Order::nth(17);
        let mut line = Vec::new();
        order.write_line(&mut line);
        let line = String::from_utf8(line).expect("text");
        let event: Value = serde_json::from_str(&line).expect("an order is JSON");
        assert_eq!(order.check_redacted(&line, &event), Err("it was not redacted"));
    }
}
