//! The JSON format, vector by vector: what is read, what it says, and what is refused and why.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use bytes::Bytes;
use tidegate_event::json::{self, Validate};
use tidegate_event::{Event, Form};

/// `{id, source, type, specversion}` and what is added.
fn with(members: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t"{members}}}"#)
}

fn decode(text: &str, validate: Validate) -> Result<Event, String> {
    json::decode(&Bytes::copy_from_slice(text.as_bytes()), validate).map_err(|problem| problem.to_string())
}

/// What an event says, on one line: `name=value` for each attribute and extension, then its data.
fn said(event: &Event) -> String {
    let mut out = Vec::new();
    for name in ["id", "source", "type", "subject", "time", "datacontenttype", "dataschema"] {
        if let Some(value) = event.attribute(name) {
            out.push(format!("{name}={value}"));
        }
    }
    for (name, value) in event.extensions() {
        out.push(format!("{name}={value:?}"));
    }
    if let Some(data) = event.data() {
        out.push(format!("{:?}:{}", data.form, String::from_utf8_lossy(data.bytes)));
    }
    out.join(" ")
}

/// `text` is read as an event that says `expected` after `id=1 source=/s type=t`, under both validations, and says the
/// same after it was written and read again, unchanged and built anew.
#[track_caller]
fn reads(text: &str, expected: &str) {
    for validate in [Validate::Envelope, Validate::Full] {
        let event = decode(text, validate).expect(text);
        let full = said(&event);
        assert_eq!(full.strip_prefix("id=1 source=/s type=t").unwrap_or(&full).trim_start(), expected, "{text}");
        let mut verbatim = Vec::new();
        json::encode(&event, &mut verbatim);
        assert!(!verbatim.contains(&b'\n'), "{text}");
        let again = json::decode(&Bytes::from(verbatim), Validate::Full).expect(text);
        assert_eq!(again.data().map(|data| data.form), event.data().map(|data| data.form));
        let changed = event.clone().with_extensions(&[("changed", "yes")]).unwrap();
        let mut anew = Vec::new();
        json::encode(&changed, &mut anew);
        let again = json::decode(&Bytes::from(anew), Validate::Full).expect(text);
        assert_eq!(again.id(), event.id());
        assert_eq!(again.subject(), event.subject());
        let kept = |event: &Event| event.data().map(|data| (data.form, one_line(data.bytes)));
        assert_eq!(kept(&again), kept(&event), "{text}");
        for (name, value) in event.extensions() {
            assert_eq!(again.extension(name), Some(value), "{text}");
        }
    }
}

fn one_line(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|&byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }).collect()
}

#[track_caller]
fn refuses(text: &str, expected: &str) {
    let problem = decode(text, Validate::Envelope).expect_err(text);
    assert_eq!(problem, expected, "{text}");
    decode(text, Validate::Full).expect_err(text);
}

#[test]
fn attributes() {
    reads(&with(""), "");
    reads(&with(r#","subject":"s 1""#), "subject=s 1");
    reads(&with(r#","time":"2018-04-05T17:31:00.5+01:00""#), "time=2018-04-05T17:31:00.5+01:00");
    reads(&with(r#","dataschema":"http://x/y#z""#), "dataschema=http://x/y#z");
    reads(&with(r#","datacontenttype":"text/plain; charset=utf-8""#), "datacontenttype=text/plain; charset=utf-8");
    reads(&with(r#","subject":null,"time":null,"datacontenttype":null,"dataschema":null"#), "");
    reads(&with(r#","subject":"grüße \u0041\/\"\\ \ud83c\udf89""#), "subject=grüße A/\"\\ 🎉");
    reads(&with(r#","\u0073ubject":"by an escaped name""#), "subject=by an escaped name");
    reads(" \t\r\n{ \"id\" : \"1\" ,\n\"type\":\"t\",\"source\":\"/s\",\"specversion\" : \"1.\\u0030\" } \r\n", "");
    reads(r#"{"type":"a\tb","specversion":"1.0"}"#.replace(r"a\tb", "tb").replace('{', r#"{"id":"i","source":"x:y","#).as_str(), "id=i source=x:y type=tb");
}

#[test]
fn extensions() {
    reads(&with(r#","a":"x""#), r#"a=String("x")"#);
    reads(&with(r#","a":"","b":"\u00e9\"""#), r#"a=String("") b=String("é\"")"#);
    reads(
        &with(r#","a":1,"b":-2147483648,"c":2147483647,"d":-0"#),
        "a=Integer(1) b=Integer(-2147483648) c=Integer(2147483647) d=Integer(0)",
    );
    reads(&with(r#","a":true,"b":false,"c":null"#), "a=Boolean(true) b=Boolean(false)");
    reads(&with(r#","partitionkey":"k","0":"digit""#), r#"partitionkey=String("k") 0=String("digit")"#);
    reads(&with(&format!(r#","{}":"long""#, "n".repeat(255))), &format!(r#"{}=String("long")"#, "n".repeat(255)));
}

#[test]
fn data() {
    reads(&with(r#","data":{"a": [1, "}]\"", {}]}"#), r#"Json:{"a": [1, "}]\"", {}]}"#);
    reads(&with(r#","data":"text""#), r#"Json:"text""#);
    reads(&with(r#","data":null"#), "Json:null");
    reads(&with(r#","data":-1.5e+3"#), "Json:-1.5e+3");
    reads(&with(r#","data":[]"#), "Json:[]");
    reads(&with(r#","data":{"nested":"\ud800 stays as it is"}"#), r#"Json:{"nested":"\ud800 stays as it is"}"#);
    reads(&with(",\"data\":{\n \"pretty\": true\r\n}"), "Json:{\n \"pretty\": true\r\n}");
    reads(
        &with(r#","datacontenttype":"application/x+JSON","data":"x""#),
        r#"datacontenttype=application/x+JSON Json:"x""#,
    );
    reads(&with(r#","datacontenttype":"text/json; a=b","data":{}"#), "datacontenttype=text/json; a=b Json:{}");
    reads(
        &with(r#","datacontenttype":"text/plain","data":"line\n\u0000""#),
        "datacontenttype=text/plain Text:line\n\0",
    );
    reads(&with(r#","data":"first","datacontenttype":"text/xml""#), "datacontenttype=text/xml Text:first");
    reads(&with(r#","data":"","datacontenttype":"text/xml""#), "datacontenttype=text/xml Text:");
    reads(&with(r#","datacontenttype":"text\/plain","data":"x""#), "datacontenttype=text/plain Text:x");
    reads(
        &with(r#","datacontenttype":"text/plain","data":{"no":"string"}"#),
        r#"datacontenttype=text/plain Json:{"no":"string"}"#,
    );
    reads(&with(r#","data_base64":"aGk=""#), "Binary:hi");
    reads(&with(r#","data_base64":"""#), "Binary:");
    reads(
        &with(r#","data_base64":"\u0061Gk=","datacontenttype":"application/json""#),
        "datacontenttype=application/json Binary:hi",
    );
    reads(&with(r#","data_base64":null,"data":1"#), "Json:1");
    let large = format!(r#"{{"a":"{}","b":[{}1]}}"#, r#"\\\" ] } "#.repeat(40), "[{}],".repeat(100));
    reads(&with(&format!(r#","data":{large},"after":"x""#)), &format!(r#"after=String("x") Json:{large}"#));
}

#[test]
fn no_data_is_not_empty_data() {
    assert_eq!(decode(&with(""), Validate::Full).unwrap().data(), None);
    let empty = decode(&with(r#","data_base64":"""#), Validate::Full).unwrap();
    assert_eq!(empty.data().map(|data| (data.form, data.bytes.len())), Some((Form::Binary, 0)));
}

#[test]
fn rules_of_attributes() {
    refuses("{}", "attribute `specversion` is missing");
    refuses(r#"{"specversion":"1.0","id":"1","type":"t"}"#, "attribute `source` is missing");
    refuses(r#"{"specversion":"1.0","id":null,"source":"/s","type":"t"}"#, "attribute `id` is missing");
    refuses(r#"{"specversion":"1.0","id":"1","source":"/s"}"#, "attribute `type` is missing");
    refuses(
        r#"{"id":"1","source":"/s","type":"t","specversion":"0.3"}"#,
        "attribute `specversion` is `0.3`, not `1.0`",
    );
    refuses(r#"{"specversion":1.0}"#, "attribute `specversion` is not a string");
    refuses(r#"{"specversion":"1.0","id":"","source":"/s","type":"t"}"#, "attribute `id` is empty");
    refuses(r#"{"specversion":"1.0","id":"1","source":"","type":"t"}"#, "attribute `source` is empty");
    refuses(r#"{"specversion":"1.0","id":"1","source":"a b","type":"t"}"#, "attribute `source` is not a URI-reference");
    refuses(r#"{"specversion":"1.0","id":1,"source":"/s","type":"t"}"#, "attribute `id` is not a string");
    refuses(r#"{"specversion":"1.0","id":"1","source":{},"type":"t"}"#, "attribute `source` is not a string");
    refuses(&with(r#","subject":"""#), "attribute `subject` is empty");
    refuses(&with(r#","subject":"a\u0007""#), "attribute `subject` holds a control character or noncharacter");
    refuses(&with(r#","subject":"a\uffff""#), "attribute `subject` holds a control character or noncharacter");
    refuses(&with(",\"subject\":\"a\u{7f}\""), "attribute `subject` holds a control character or noncharacter");
    refuses(&with(",\"a\":\"a\u{85}\""), "attribute `a` holds a control character or noncharacter");
    refuses(&with(r#","a":"\n""#), "attribute `a` holds a control character or noncharacter");
    refuses(&with(r#","time":"yesterday""#), "attribute `time` is not an RFC 3339 timestamp");
    refuses(&with(r#","dataschema":"/relative""#), "attribute `dataschema` is not an absolute URI");
    refuses(&with(r#","datacontenttype":"json""#), "attribute `datacontenttype` is not a media type");
    refuses(&with(r#","A":"x""#), "attribute `A` has a name of other characters than a-z and 0-9");
    refuses(&with(r#","a_b":null"#), "attribute `a_b` has a name of other characters than a-z and 0-9");
    refuses(&with(r#","":"x""#), "attribute `` has an empty name");
    refuses(
        &with(&format!(r#","{}":1"#, "n".repeat(256))),
        &format!("attribute `{}…` has a name of more than 255 characters", "n".repeat(64)),
    );
    refuses(&with(r#","a":1.5"#), "attribute `a` is not a 32-bit integer");
    refuses(&with(r#","a":2147483648"#), "attribute `a` is not a 32-bit integer");
    refuses(&with(r#","a":1e2"#), "attribute `a` is not a 32-bit integer");
    refuses(&with(r#","a":{}"#), "attribute `a` is an object or array");
    refuses(&with(r#","a":["x"]"#), "attribute `a` is an object or array");
    refuses(&with(r#","id":"2""#), "`id` is given twice");
    refuses(&with(r#","\u0069d":"2""#), "`id` is given twice");
    refuses(&with(r#","a":"x","b":1,"a":null"#), "`a` is given twice");
    refuses(&with(r#","data":1,"data":1"#), "`data` is given twice");
    refuses(&with(r#","data":1,"data_base64":"aGk=""#), "both `data` and `data_base64` are given");
    refuses(&with(r#","data_base64":"a""#), "attribute `data_base64` is not base64");
    refuses(&with(r#","data_base64":17"#), "attribute `data_base64` is not a string");
    let many: String = (0..129).map(|n| format!(r#","e{n}":1"#)).collect();
    refuses(&with(&many), "more than 128 extension attributes");
}

#[test]
fn structure() {
    refuses("", "byte 0: an event begins with `{`");
    refuses("  ", "byte 2: an event begins with `{`");
    refuses("[]", "byte 0: an event begins with `{`");
    refuses("{", "byte 1: a member begins with `\"`");
    refuses(r#"{"id"}"#, "byte 5: `:` is missing");
    refuses(r#"{"id":"1",}"#, "byte 10: a member begins with `\"`");
    refuses(r#"{"id":"1" "type":"t"}"#, "byte 10: `,` or `}` is missing");
    refuses(r#"{"id":"1"]"#, "byte 9: `,` or `}` is missing");
    refuses(r#"{"id":"1""#, "byte 9: the text ends within the event");
    refuses(r#"{"id":"1"#, "byte 8: the text ends within a string");
    refuses(r#"{"id":"1\"#, "byte 9: the text ends within a string");
    refuses(r#"{"id":"#, "byte 6: the text ends before a value");
    refuses(r#"{"data":{"a":[1,2}"#, "byte 18: the text ends within an object or array");
    refuses(r#"{"data":[1}"#, "byte 10: a closing bracket of the other kind");
    refuses(r#"{"data":{\"a":1}}"#, "byte 9: a control character or backslash out of place");
    refuses("{\"data\":{\"a\":\"\n\"}}", "byte 14: a control character or backslash out of place");
    refuses("{\"id\":\"a\tb\"}", "byte 8: a control character within a string");
    refuses(r#"{"id":"\x"}"#, "byte 7: a bad escape in a string");
    refuses(r#"{"id":"\ud800"}"#, "byte 7: a bad escape in a string");
    refuses(r#"{"id":"\ud800\u0041"}"#, "byte 7: a bad escape in a string");
    refuses(r#"{"id":"\u00g0"}"#, "byte 7: a bad escape in a string");
    refuses(r#"{"\q":1}"#, "byte 2: a bad escape in a string");
    for number in ["01", "+1", ".5", "1.", "1e", "--1", "0x1", "NaN", "tru", "nulll", "1 2"] {
        decode(&with(&format!(r#","data":{number}"#)), Validate::Envelope).expect_err(number);
    }
    refuses(&format!("{}x", with("")), "byte 55: text after the event");
    refuses(&format!("{}{}", with(""), with("")), "byte 55: text after the event");
}

/// The scanner works on blocks of 64 bytes: what it finds must not depend on where in them something stands.
#[test]
fn every_offset_in_a_block_is_alike() {
    for pad in 0..140 {
        let x = "x".repeat(pad);
        let data = format!(r#"{{"p":"{x}\\","q":[["}}",{{}}],"\""]}}"#);
        let after = |value: &str| with(&format!(r#","data":{data},"subject":"{value}","after":"{x}\u00e9\\""#));
        let event = decode(&after("ö"), Validate::Envelope).unwrap();
        assert_eq!(event.subject(), Some("ö"), "{pad}");
        assert_eq!(event.data().unwrap().bytes, data.as_bytes(), "{pad}");
        assert_eq!(event.attribute("after").unwrap(), format!("{x}é\\"), "{pad}");
        refuses(&after("\u{7f}"), "attribute `subject` holds a control character or noncharacter");
        refuses(&after("\u{85}"), "attribute `subject` holds a control character or noncharacter");
        let cut = after("s");
        for end in cut.char_indices().map(|(at, _)| at) {
            decode(&cut[..end], Validate::Envelope).expect_err(&cut[..end]);
        }
    }
}

#[test]
fn only_full_validation_reads_the_grammar_of_data() {
    for data in ["{\"a\":}", "{1:2}", "[1,]", "[tru]", "{\"a\":\"\\x\"}", "[{]]", "{\"a\" 1}"] {
        let text = with(&format!(r#","data":{data}"#));
        decode(&text, Validate::Envelope).expect(data);
        decode(&text, Validate::Full).expect_err(data);
    }
}

#[test]
fn depth_costs_no_stack_and_is_limited_by_full_validation() {
    let nested = |depth: usize| with(&format!(r#","data":{}{}"#, "[".repeat(depth), "]".repeat(depth)));
    decode(&nested(1_000_000), Validate::Envelope).unwrap();
    assert!(decode(&nested(1_000_000), Validate::Full).unwrap_err().contains("nested too deep"));
    decode(&nested(json::DEPTH_MAX - 1), Validate::Full).unwrap();
    decode(&nested(json::DEPTH_MAX), Validate::Full).unwrap_err();
    decode(&with(&format!(r#","data":{}"#, "[".repeat(1_000_000))), Validate::Envelope).unwrap_err();
}
