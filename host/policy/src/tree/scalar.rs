//! What a word without quotes means: the core schema of YAML 1.2.2, section 10.3.2, as far as JSON has such values.

use serde_json::{Number, Value};

/// A plain scalar as a value; a string where it is nothing else.
pub(super) fn resolve(raw: &str) -> Result<Value, &'static str> {
    Ok(match raw {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => match number(raw) {
            Some(number) => Value::Number(number?),
            None => Value::String(raw.to_owned()),
        },
    })
}

fn number(raw: &str) -> Option<Result<Number, &'static str>> {
    let (sign, digits) = match raw.as_bytes().first()? {
        b'-' => ("-", &raw[1..]),
        b'+' => ("", &raw[1..]),
        _ => ("", raw),
    };
    if matches!(digits, ".inf" | ".Inf" | ".INF") || matches!(raw, ".nan" | ".NaN" | ".NAN") {
        return Some(Err("infinity and `.nan` are no numbers of JSON"));
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(rest) = raw.strip_prefix(prefix)
            && !rest.is_empty()
            && rest.chars().all(|c| c.is_digit(radix))
        {
            return Some(u64::from_str_radix(rest, radix).map(Number::from).map_err(|_| TOO_LONG));
        }
    }
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        let whole = format!("{sign}{digits}");
        let number = whole.parse::<u64>().map(Number::from).or_else(|_| whole.parse::<i64>().map(Number::from));
        return Some(number.map_err(|_| TOO_LONG));
    }
    if !digits.bytes().any(|b| b.is_ascii_digit()) || !is_float(digits) {
        return None;
    }
    Some(format!("{sign}{digits}").parse().ok().and_then(Number::from_f64).ok_or(TOO_LONG))
}

const TOO_LONG: &str = "the number does not fit 64 bits";

/// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (text, None),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|e| !e.is_empty() && digits(e))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde_json::{Value, json};

    use super::resolve;

    #[test]
    fn words_are_what_the_core_schema_says() {
        let cases: [(&str, Value); 20] = [
            ("", json!(null)),
            ("~", json!(null)),
            ("true", json!(true)),
            ("yes", json!("yes")),
            ("0", json!(0)),
            ("-7", json!(-7)),
            ("+7", json!(7)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("1.", json!(1.0)),
            ("-1e3", json!(-1000.0)),
            ("1e", json!("1e")),
            (".", json!(".")),
            ("-", json!("-")),
            ("20ms", json!("20ms")),
            ("1.2.3", json!("1.2.3")),
            ("0x", json!("0x")),
        ];
        for (raw, value) in cases {
            assert_eq!(resolve(raw).unwrap(), value, "{raw}");
        }
    }

    #[test]
    fn what_json_cannot_hold_is_refused() {
        for raw in
            [".inf", "-.INF", ".nan", "18446744073709551616", "-9223372036854775809", "1e999", "0xFFFFFFFFFFFFFFFFF"]
        {
            assert!(resolve(raw).is_err(), "{raw}");
        }
    }
}
