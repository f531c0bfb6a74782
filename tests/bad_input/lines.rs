//! Lines that are no events, among lines that are: each is reported with its place, and its neighbours arrive.

use std::io::Write as _;

use crate::rig::{
    Rig,
    docs::Docs,
    events::{self, attribute, expected, ids},
    within,
};

/// An event's line with members put in front of the required ones, or in their place.
fn with(members: &str) -> Vec<u8> {
    let required = [("specversion", "\"1.0\""), ("id", "\"bad\""), ("source", "\"/test\""), ("type", "\"t\"")];
    let missing = required.iter().filter(|(name, _)| !members.contains(&format!("\"{name}\":")));
    let rest: Vec<String> = missing.map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{members}{}{}}}", if rest.is_empty() || members.is_empty() { "" } else { "," }, rest.join(","))
        .into_bytes()
}

fn without(name: &str) -> Vec<u8> {
    let line = String::from_utf8(with("")).unwrap();
    let members: Vec<&str> = line[1..line.len() - 1].split(',').filter(|member| !member.contains(name)).collect();
    format!("{{{}}}", members.join(",")).into_bytes()
}

/// A line that is no event, and a part of what must be said about it.
fn bad_lines() -> Vec<(Vec<u8>, &'static str)> {
    let text = |line: &str| line.as_bytes().to_vec();
    let mut not_utf8 = with("\"subject\":\"?\"");
    let at = not_utf8.iter().position(|&byte| byte == b'?').unwrap();
    not_utf8[at] = 0xff;
    let mut cut_character = with("\"subject\":\"?\"");
    cut_character[at] = 0xc3;
    vec![
        (text("hello"), "byte 0"),
        (text("{\"specversion\":\"1.0\",\"id\":\"half"), ""),
        (text("{\"specversion\":\"1.0\",\"id\":\"bad\",\"source\":\"/test\",\"type\":\"t\""), ""),
        (text("[]"), ""),
        (text("42"), ""),
        (text("\"text\""), ""),
        (text("null"), ""),
        (text("{}"), "missing"),
        ([with(""), b"}".to_vec()].concat(), "after"),
        ([with(""), b" ".to_vec(), with("")].concat(), "after"),
        (text("{\"specversion\":\"1.0\" \"id\":\"bad\"}"), ""),
        (without("\"id\""), "`id` is missing"),
        (without("source"), "`source` is missing"),
        (without("type"), "`type` is missing"),
        (without("specversion"), "`specversion` is missing"),
        (with("\"id\":\"\""), "`id`"),
        (with("\"source\":\"\""), "`source`"),
        (with("\"type\":\"\""), "`type`"),
        (with("\"subject\":\"\""), "`subject`"),
        (with("\"id\":7"), "`id`"),
        (with("\"id\":null"), "`id`"),
        (with("\"source\":{\"a\":1}"), "`source`"),
        (with("\"type\":[\"t\"]"), "`type`"),
        (with("\"specversion\":1.0"), "`specversion`"),
        (with("\"specversion\":\"0.3\""), "`specversion` is `0.3`"),
        (with("\"specversion\":\"2.0\""), "`specversion` is `2.0`"),
        (with("\"time\":\"yesterday\""), "`time`"),
        (with("\"source\":\"/with a blank\""), "`source`"),
        (with("\"dataschema\":\"relative\""), "`dataschema`"),
        (with("\"Bad-Name\":\"x\""), "Bad-Name"),
        (with("\"ext\":{\"a\":1}"), "`ext`"),
        (with("\"ext\":[1]"), "`ext`"),
        (with("\"ext\":1.5"), "`ext`"),
        (with("\"ext\":4294967296"), "`ext`"),
        (with("\"id\":\"a\",\"id\":\"b\""), "`id` is given twice"),
        (with("\"data\":1,\"data_base64\":\"AA==\""), "both"),
        (with("\"data_base64\":\"?\""), "data"),
        (with("\"data_base64\":7"), "data"),
        (with("\"data\":{\"a\":[1,2}"), ""),
        (not_utf8, "UTF-8"),
        (cut_character, "UTF-8"),
        (vec![0; 10], ""),
        (vec![0xff, 0xfe, b'{', 0], "UTF-8"),
    ]
}

fn docs(source: &str) -> Docs {
    let source = format!("{{file: {{path: in.jsonl{source}}}}}");
    Docs::new().doc("Source", "in", &source).sink("out").sink("dlq").route("main", "in", "out")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_bad_line_is_reported_with_its_place_and_its_neighbours_arrive() {
    let mut rig = Rig::new();
    let (mut text, mut wanted) = (Vec::new(), Vec::new());
    for (number, (line, words)) in bad_lines().into_iter().enumerate() {
        text.extend(events::line(&events::id(number), "k", 10).into_bytes());
        // Blank lines are nothing, and count.
        text.extend(b"\n\r\n");
        wanted.push((4 * number + 4, text.len(), line.clone(), words));
        text.extend(line);
        text.push(b'\n');
    }
    rig.put("in.jsonl", &text);
    rig.apply(&docs("")).await;
    within("the end of the file", rig.control.ended()).await;

    assert_eq!(rig.ids("out"), expected(0..wanted.len()));
    let dead = rig.queue("dlq").events();
    let told: Vec<_> = dead.iter().map(|event| (event.id(), attribute(event, "tidegatereason"))).collect();
    assert_eq!(dead.len(), wanted.len(), "{told:#?}");
    for (event, (line, byte, message, words)) in dead.iter().zip(wanted) {
        let told = format!("{} {}", event.id(), attribute(event, "tidegatereason"));
        assert_eq!(event.id(), format!("in.jsonl: line {line} (byte {byte})"), "{told}");
        assert!(attribute(event, "tidegatereason").contains(words), "no `{words}` in: {told}");
        assert_eq!(attribute(event, "tidegatecause"), "malformed");
        assert_eq!(event.data().map(|data| data.bytes), Some(&*message), "{told}");
    }
    assert_eq!(rig.tally("main").malformed, dead.len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_validation_finds_what_is_wrong_inside_data() {
    let mut rig = Rig::new();
    let bad = with("\"data\":{\"a\":tru}");
    let text = [events::line("e0", "k", 1).into_bytes(), bad, b"\n".to_vec(), events::line("e1", "k", 1).into_bytes()]
        .concat();
    rig.put("in.jsonl", &text);
    rig.apply(&docs(", validate: full")).await;
    within("the end of the file", rig.control.ended()).await;
    assert_eq!(rig.ids("out"), expected(0..2));
    assert_eq!(rig.queue("dlq").events().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_line_at_the_end_of_a_file_is_told_and_whole_ones_are_taken() {
    let mut rig = Rig::new();
    let whole = events::line("e0", "k", 1);
    rig.put("in.jsonl", format!("{whole}{}", &whole[..40]).as_bytes());
    rig.apply(&docs("")).await;
    within("the end of the file", rig.control.ended()).await;
    assert_eq!(rig.ids("out"), ["e0"]);
    let dead = rig.queue("dlq").events();
    assert_eq!(ids(&dead), [format!("in.jsonl: line 2 (byte {})", whole.len())]);

    // Without a newline, and whole.
    let mut rig = Rig::new();
    rig.put("in.jsonl", whole.trim_end().as_bytes());
    rig.apply(&docs("")).await;
    within("the end of the file", rig.control.ended()).await;
    assert_eq!(rig.ids("out"), ["e0"]);
}

/// 100 MB without a newline, twice: between events, and as an event that is valid but for its size.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_of_a_hundred_megabytes_is_passed_over() {
    let mut rig = Rig::new();
    let file = std::fs::File::create(rig.dir().join("in.jsonl")).unwrap();
    let mut file = std::io::BufWriter::with_capacity(1 << 20, file);
    let mut write = |bytes: &[u8]| file.write_all(bytes).unwrap();
    write(events::line("e0", "k", 10).as_bytes());
    let first = events::line("e0", "k", 10).len();
    let block = vec![b'x'; 1 << 20];
    (0..100).for_each(|_| write(&block));
    write(b"\n");
    write(events::line("e1", "k", 10).as_bytes());
    write(b"{\"specversion\":\"1.0\",\"id\":\"huge\",\"source\":\"/test\",\"type\":\"t\",\"data\":\"");
    (0..100).for_each(|_| write(&block));
    write(b"\"}\n");
    write(events::line("e2", "k", 10).as_bytes());
    drop(file);
    rig.apply(&docs("")).await;
    within("the end of the file", rig.control.ended()).await;

    assert_eq!(rig.ids("out"), expected(0..3));
    let dead = rig.queue("dlq").events();
    assert_eq!(dead.len(), 2);
    assert_eq!(dead[0].id(), format!("in.jsonl: line 2 (byte {first})"));
    assert!(dead[1].id().starts_with("in.jsonl: line 4 (byte "), "{}", dead[1].id());
    for event in dead {
        assert!(attribute(&event, "tidegatereason").contains("more than maxLineBytes"), "{event:?}");
        let kept = event.data().unwrap().bytes.len();
        assert!(kept <= 64 << 10, "{kept} bytes of evidence");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_larger_than_a_policy_takes_meets_its_failure_rule_alone() {
    let mut rig = Rig::new();
    rig.guest(
        "all.wasm",
        &crate::rig::guests::Guest::filter().configure(&format!(
            // Needs attributes and data.
            "(i32.store8 (i32.const {}) (i32.const 5))",
            crate::rig::guests::CONFIGURED + 4
        )),
    );
    let lines: String =
        (0..20).map(|number| events::line(&events::id(number), "k", if number == 7 { 200_000 } else { 10 })).collect();
    rig.put("in.jsonl", lines.as_bytes());
    let policy = "limits: {maxEventBytes: 100Ki}, failure: {onTrap: DeadLetter}";
    rig.apply(&docs("").policy("small", "all.wasm", policy)).await;
    within("the end of the file", rig.control.ended()).await;
    assert_eq!(rig.ids("out"), expected((0..20).filter(|&number| number != 7)));
    let dead = rig.queue("dlq").events();
    assert_eq!(ids(&dead), ["e7"]);
    assert_eq!(attribute(&dead[0], "tidegatecause"), "too large");
    assert!(dead[0].data().unwrap().bytes.len() > 200_000, "the original is whole");
}
