//! Numbers and words as a person reads and writes them.

use std::time::Duration;

/// `20,000`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `1 route`, `3 routes`.
pub(crate) fn counted(number: usize, noun: &str) -> String {
    let plural = match noun.strip_suffix('y') {
        _ if number == 1 => noun.to_owned(),
        Some(stem) => format!("{stem}ies"),
        None => format!("{noun}s"),
    };
    format!("{} {plural}", count(number as u64))
}

/// `812 B`, `24.1 KiB`, `3.0 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;
    match bytes {
        0..KIB => format!("{bytes} B"),
        KIB..MIB => format!("{:.1} KiB", bytes as f64 / KIB as f64),
        MIB.. => format!("{:.1} MiB", bytes as f64 / MIB as f64),
    }
}

/// `84 ms`, `1.2 s`, `2 min 3 s`.
pub(crate) fn duration(duration: Duration) -> String {
    let (seconds, millis) = (duration.as_secs(), duration.as_millis());
    match seconds {
        0 => format!("{millis} ms"),
        1..60 => format!("{:.1} s", duration.as_secs_f64()),
        60.. => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// `7d`: whole units, as a document writes it.
pub(crate) fn span(duration: Duration) -> String {
    let ms = duration.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let unit = units.into_iter().find(|(unit, _)| ms > 0 && ms.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{ms}ms"), |(unit, word)| format!("{}{word}", ms / unit))
}

/// `10s`, `500ms`, `2m`; for the command line.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let problem = || format!("`{text}` is no duration; write a whole number with ms, s, m or h, as in 10s");
    let number: u64 = digits.parse().map_err(|_| problem())?;
    let unit_ms = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(problem()),
    };
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(problem)
}

/// Words of a module or a message, made safe for a terminal: no escape sequences, nothing that reorders what is read.
pub(crate) fn plain(text: &str) -> String {
    let visible = |c: char| match c {
        '\n' => '\n',
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(visible).collect()
}

/// The first twelve digits of a digest: enough to tell modules apart, as version control does.
pub(crate) fn digest(digest: &str) -> &str {
    const SHOWN: usize = "sha256:".len() + 12;
    digest.get(..SHOWN).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, shown) in [(0, "0"), (999, "999"), (1_000, "1,000"), (20_000, "20,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(count(number), shown);
        }
    }

    #[test]
    fn words_of_others_cannot_write_to_a_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\r\u{202e}c\nd é"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}c\nd é");
    }

    #[test]
    fn nouns_follow_their_number() {
        for (number, noun, shown) in
            [(1, "route", "1 route"), (0, "mistake", "0 mistakes"), (3, "policy", "3 policies")]
        {
            assert_eq!(counted(number, noun), shown);
        }
    }

    #[test]
    fn durations_are_read_and_shown() {
        for (text, millis, shown) in
            [("84ms", 84, "84 ms"), ("10s", 10_000, "10.0 s"), ("2m", 120_000, "2 min 0 s"), ("0s", 0, "0 ms")]
        {
            let parsed = parse_duration(text).expect(text);
            assert_eq!(parsed, Duration::from_millis(millis), "{text}");
            assert_eq!(duration(parsed), shown);
        }
        for wrong in ["", "10", "s", "1.5s", "-1s", "ten s", "18446744073709551615h"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn spans_are_whole_units() {
        for (seconds, shown) in [(0, "0ms"), (1, "1s"), (90, "90s"), (3_600, "1h"), (129_600, "36h"), (604_800, "7d")] {
            assert_eq!(span(Duration::from_secs(seconds)), shown);
        }
        assert_eq!(span(Duration::from_millis(1_500)), "1500ms");
    }

    #[test]
    fn sizes_have_units() {
        for (bytes, shown) in [(812, "812 B"), (1 << 10, "1.0 KiB"), (24_700, "24.1 KiB"), (3 << 20, "3.0 MiB")] {
            assert_eq!(size(bytes), shown);
        }
    }
}
