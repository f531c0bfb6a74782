//! Texts that nobody means well with: whatever comes, `check` answers, soon and within bounds.

use proptest::prelude::*;

use super::{EVERYTHING, bad, document, run};
use crate::{FILE_BYTES_MAX, codes::CODES};

/// Answers are well formed: known codes, places that are in the text, nothing a terminal obeys.
fn answers(text: &str) {
    let Err(report) = run(&[("x.yaml", text)], false) else { return };
    assert!(!report.diagnostics.is_empty(), "refused without a reason: {text:?}");
    for diagnostic in &report.diagnostics {
        assert!(CODES.iter().any(|(code, _)| *code == diagnostic.code), "{}", diagnostic.code);
        let place = diagnostic.place.as_ref().expect("every mistake has a place");
        let lines = crate::text::lines(text.strip_prefix('\u{feff}').unwrap_or(text));
        assert!((1..=lines.len()).contains(&place.line), "{place:?} of {text:?}");
        assert!(place.column >= 1 && place.length >= 1, "{place:?}");
        assert!(place.column <= lines[place.line - 1].1.chars().count() + 1, "{place:?} of {text:?}");
    }
    let shown = report.to_string();
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
}

#[test]
fn a_text_that_multiplies_itself_is_refused() {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 0..20 {
        text += &format!("b{i}: &b{i} [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n");
    }
    assert!(bad(&text).contains("P105"));
    answers(&text);
}

#[test]
fn what_is_too_deep_or_too_much_is_refused() {
    let much = format!("[{}]", "a,".repeat(60_000));
    let cases = [
        ("[".repeat(100_000), "P106"),
        ("{a: ".repeat(100_000), "P106"),
        ("- ".repeat(10_000), "P106"),
        ("? ".repeat(10_000), "P10"),
        ((0..1_000).map(|i| format!("{}a:\n", " ".repeat(i))).collect(), "P106"),
        (much, "P106"),
        ("---\n".repeat(60_000), ""),
        ("a".repeat(FILE_BYTES_MAX + 1), "P100"),
        ("---\n@\n".repeat(10_000), "P113"),
    ];
    for (text, code) in cases {
        answers(&text);
        if !code.is_empty() {
            let shown = bad(&text);
            assert!(shown.contains(code), "{code}: {}", &shown[..shown.len().min(2_000)]);
        }
    }
}

#[test]
fn long_keys_of_large_documents_take_no_time_to_place() {
    let text = format!("{}: [{}]", "k".repeat(900), "a,".repeat(40_000));
    answers(&text);
    let text = format!("? \"{}\"\n: [{}]", "k".repeat(500_000), "a,".repeat(40_000));
    answers(&text);
}

#[test]
fn many_values_in_one_long_line_take_no_time_to_place() {
    answers(&format!("{{spec: {}[{}]}}", " ".repeat(900_000), "{},".repeat(12_000)));
    answers(&format!("{{{}}}", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: [],".repeat(15_000)));
}

#[test]
fn many_references_to_nowhere_take_no_time_to_explain() {
    let name = |i: usize| format!("a-rather-long-name-of-a-source-{i}");
    let from: Vec<String> = (0..4_000).map(|i| format!("{{name: {}}}", name(i))).collect();
    let mut text = document("Route", "r", &format!("{{from: [{}], to: [{{sink: s}}]}}", from.join(", ")));
    for i in 0..1_000 {
        text += &document("Source", &format!("x{}", name(i)), "{memory: {}}");
    }
    answers(&text);
}

#[test]
fn nothing_in_a_text_reaches_the_terminal() {
    let text = "kind: \"\\e[31mred\\a\"\n\"\\x1b]0;title\": \u{202e}x\n";
    answers(text);
    assert!(bad(text).contains('\u{fffd}'));
}

/// Pieces that are wrong in places where they are not expected.
const PIECES: [&str; 40] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ": ",
    ":",
    "- ",
    "\n",
    "\n  ",
    "\n    ",
    "---\n",
    "...\n",
    "\"",
    "'",
    "|\n",
    ">\n",
    "#",
    "&a ",
    "*a",
    "!!str ",
    "!x ",
    "<<: ",
    "? ",
    "~",
    "null",
    "true",
    "0x",
    "1e400",
    "-1",
    "\t",
    "\r",
    "\u{0}",
    "é",
    "\u{feff}",
    "%YAML 1.2\n",
    "spec",
    "name",
    "DeadLetter",
    "/",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        answers(&text);
    }

    #[test]
    fn any_pieces_are_answered(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..60)) {
        answers(&pieces.concat());
    }

    #[test]
    fn good_documents_that_were_damaged_are_answered(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, prop::sample::select(&PIECES[..])), 1..6)
    ) {
        let mut text: Vec<char> = EVERYTHING.chars().collect();
        for (at, removed, piece) in cuts {
            let at = at.index(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, piece.chars());
            if text.is_empty() {
                break;
            }
        }
        answers(&text.into_iter().collect::<String>());
    }

    #[test]
    fn values_of_the_wrong_kind_are_answered(line in any::<prop::sample::Index>(), value in prop::sample::select(&["", "7", "[]", "{}", "x", "[{}]", "{a: b}", "true", "[[x]]"][..])) {
        let mut lines: Vec<String> = EVERYTHING.lines().map(str::to_owned).collect();
        let line = line.index(lines.len());
        if let Some((key, _)) = lines[line].split_once(": ") {
            lines[line] = format!("{key}: {value}");
        }
        answers(&lines.join("\n"));
    }
}
