//! Durations (`20ms`, `1s`, `1m`, `1h`, `1d`) and sizes (`64Mi`, `1Ki`, `1Gi`, plain bytes).

use std::{ops::RangeInclusive, time::Duration};

use serde_json::Value;

use crate::{
    codes,
    diagnostic::quoted,
    mistakes::Mistakes,
    tree::{Kind, Node},
};

pub(crate) const KI: u64 = 1 << 10;
pub(crate) const MI: u64 = 1 << 20;
pub(crate) const GI: u64 = 1 << 30;

const HOUR: u64 = 3_600_000;
pub(crate) const DAY: u64 = 24 * HOUR;

const DURATIONS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", HOUR), ("d", DAY)];
const SIZES: [(&str, u64); 3] = [("Ki", KI), ("Mi", MI), ("Gi", GI)];

impl Mistakes<'_> {
    /// A duration within milliseconds from and to.
    pub(crate) fn duration(&mut self, node: &Node, what: &str, range_ms: RangeInclusive<u64>) -> Option<Duration> {
        let written = match &node.kind {
            Kind::String(text) => text,
            Kind::Plain(Value::Number(_), raw) => raw,
            Kind::Broken | Kind::Plain(..) | Kind::List(_) | Kind::Map(_) => {
                self.wrong_type(node, what, "a duration like `20ms`, `1s` or `1m`");
                return None;
            }
        };
        let value = with_unit(written, &DURATIONS);
        if value.is_none() && !written.is_empty() && written.bytes().all(|b| b.is_ascii_digit()) {
            let message = format!("{what}: the duration {} has no unit", quoted(written));
            self.hint(codes::OUT_OF_RANGE, node.at, message, format!("did you mean `{written}ms`?"));
            return None;
        }
        let range = format!("from {} to {}", duration_text(*range_ms.start()), duration_text(*range_ms.end()));
        self.within(
            node,
            what,
            written,
            value,
            range_ms,
            format!("it is a duration {range}, like `20ms`, `1s` or `1m`"),
        )
        .map(Duration::from_millis)
    }

    /// A size within bytes from and to.
    pub(crate) fn size(&mut self, node: &Node, what: &str, range: RangeInclusive<u64>) -> Option<usize> {
        let (written, value) = match &node.kind {
            Kind::String(text) => (text, with_unit(text, &SIZES)),
            Kind::Plain(Value::Number(number), raw) => (raw, number.as_u64()),
            Kind::Broken | Kind::Plain(..) | Kind::List(_) | Kind::Map(_) => {
                self.wrong_type(node, what, "a size like `64Mi` or `1Ki`");
                return None;
            }
        };
        let hint = match meant_size(written) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => {
                format!("it is a size from {} to {}, like `64Mi`", size_text(*range.start()), size_text(*range.end()))
            }
        };
        self.within(node, what, written, value, range, hint).and_then(|bytes| usize::try_from(bytes).ok())
    }

    fn within(
        &mut self,
        node: &Node,
        what: &str,
        written: &str,
        value: Option<u64>,
        range: RangeInclusive<u64>,
        hint: String,
    ) -> Option<u64> {
        let value = value.filter(|v| range.contains(v));
        if value.is_none() {
            self.hint(codes::OUT_OF_RANGE, node.at, format!("{what} cannot be {}", quoted(written)), hint);
        }
        value
    }
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// `64MB`, `64mib`, `64m` mean `64Mi`.
fn meant_size(text: &str) -> Option<String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let (name, _) = SIZES.iter().find(|(name, _)| {
        let letter = name[..1].to_ascii_lowercase();
        [letter.clone(), format!("{letter}b"), format!("{letter}i"), format!("{letter}ib")].contains(&unit)
    })?;
    let meant = format!("{number}{name}");
    (digits > 0 && meant != text).then_some(meant)
}

/// As a document would write it.
pub(crate) fn size_text(bytes: u64) -> String {
    let unit = SIZES.iter().rev().find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor));
    unit.map_or_else(|| bytes.to_string(), |(name, factor)| format!("{}{name}", bytes / factor))
}

/// As a document would write it.
pub(crate) fn duration_text(ms: u64) -> String {
    // Hours are read, but minutes are what most limits are thought in.
    let mut units = DURATIONS.iter().rev().filter(|(name, _)| *name != "h");
    let unit = units.find(|(_, factor)| ms >= *factor && ms.is_multiple_of(*factor));
    unit.map_or_else(|| format!("{ms}ms"), |(name, factor)| format!("{}{name}", ms / factor))
}
