//! One example of every code, as a person reads it. What changes here changes what operators read.

use std::fmt::Write as _;

use super::{document, run, surroundings};
use crate::{FILE_BYTES_MAX, codes::CODES};

/// Wants a sink `out` that its transactions can write to.
pub(super) const EXACTLY: &str = "\
apiVersion: tidegate.dev/v1alpha1
kind: Source
metadata: {name: in}
spec: {memory: {exactly: true}}
---
apiVersion: tidegate.dev/v1alpha1
kind: Route
metadata: {name: r}
spec:
  from: [{name: in}]
  to: [{sink: out}]
---
";

/// Two sources at one address, both read.
fn listening() -> String {
    let source =
        |name: &str, address: &str| document("Source", name, &format!("{{memory: {{listen: \"{address}\"}}}}"));
    let both = source("public", "0.0.0.0:8080") + &source("local", "127.0.0.1:8080");
    let sink = document("Sink", "out", "{memory: {}}");
    both + &sink + &document("Route", "r", "{from: [{name: public}, {name: local}], to: [{sink: out}]}")
}

/// A text for each code; the first mistake it is refused for has that code.
pub(crate) fn examples() -> Vec<(&'static str, String)> {
    let policy = |spec: &str| surroundings() + &document("FilterPolicy", "p", spec);
    let route = |rest: &str| surroundings() + &document("Route", "r", &format!("{{from: [{{name: orders}}], {rest}}}"));
    let sink = |spec: &str| document("Sink", "out", spec);
    let wasm = |wasm: &str| policy(&format!("{{phase: Admit, wasm: {{{wasm}}}}}"));
    let filters = |filters: &str| {
        policy(&format!("\n  match:\n  - filters:\n    - {filters}\n  phase: Admit\n  wasm: {{module: file:p.wasm}}\n"))
    };
    let deep = format!("{}exact: {{type: a}}{}", "not: {".repeat(16), "}".repeat(16));
    vec![
        ("P100", " ".repeat(FILE_BYTES_MAX + 1)),
        ("P101", "kind: Sink\nmetadata: {name: out\nspec: {}\n".to_owned()),
        ("P102", sink("{memory: {}, retry: {max: 1, max: 2}}")),
        ("P103", sink("{memory: {}, retry: {maxdelay: 1s}}")),
        ("P104", filters("exact: { sorce: /shop/eu }")),
        ("P105", sink("{memory: &here {}}")),
        ("P106", sink(&format!("{{memory: {{a: {}{}}}}}", "[".repeat(64), "]".repeat(64)))),
        ("P107", sink("{memory: {}, retry: 5}")),
        ("P108", policy("{wasm: {module: file:p.wasm}}")),
        ("P109", route("to: [{sink: billing}], unmatched: deadletter")),
        ("P110", policy("{phase: Admit, wasm: {module: file:p.wasm}, limits: {timeout: 20}}")),
        ("P111", policy("{phase: Admit, wasm: {module: \"oci:registry/mask:1\"}}")),
        ("P112", route("to: []")),
        ("P113", "---\n- \n".repeat(201)),
        ("P120", "apiVersion: tidegate.dev/v1\nkind: Sink\nmetadata: {name: out}\nspec: {memory: {}}\n".to_owned()),
        ("P121", document("FilterPolcy", "p", "{}")),
        ("P122", document("Sink", "Billing_EU", "{memory: {}}")),
        ("P123", document("Sink", "out, labels: {team: \"a b\"}", "{memory: {}}")),
        ("P124", sink("{memory: {}}") + &sink("{file: {path: b}}")),
        ("P125", route("to: [{sink: biling}]")),
        ("P126", route("to: [{sink: billing}], deadLetter: {sink: dlq, namespace: ops}")),
        (
            "P127",
            policy(
                "{targetRefs: [{kind: Route, name: orders-to-billing}], selector: {matchLabels: {a: b}}, phase: Admit, wasm: {module: file:p.wasm}}",
            ),
        ),
        ("P128", route("to: [{sink: billing}], unmatched: DeadLetter")),
        ("P130", sink("{memory: {}, file: {path: a}}")),
        ("P131", sink("{memry: {}}")),
        ("P132", sink("{file: {path: a, folow: true}}")),
        ("P133", listening()),
        ("P140", route("to: [{sink: billing, names: [\"orders/>/eu\"]}]")),
        ("P141", route("to: [{sink: billing, topic: \"${subject}\"}]")),
        ("P142", EXACTLY.to_owned() + &sink("{file: {path: a}}")),
        ("P150", filters("{exact: {type: a}, prefix: {source: b}}")),
        ("P151", filters(&format!("{{{deep}}}"))),
        ("P152", filters("exact: {dataContentType: text/plain}")),
        ("P153", filters("prefix: {type: \"\"}")),
        ("P154", filters("cesql: \"type = 'com.acme.order' && subject = 'eu'\"")),
        ("P155", filters("cesql: \"LENGHT(subject) = 3\"")),
        ("P156", filters("pattern: {type: [{prefx: com.acme.}]}")),
        ("P160", wasm("module: file:../mask.wasm")),
        ("P161", wasm("module: file:mask.wasm")),
        (
            "P162",
            wasm(&format!("module: file:m.wasm, digest: sha256:{}, mayWrite: {{attributes: [x-*]}}", "0".repeat(64))),
        ),
        ("P163", policy("{phase: Admit, wasm: {module: file:p.wasm}, limits: {memory: 16Mi, maxEventBytes: 4Mi}}")),
        ("P164", policy("{phase: Admit, wasm: {module: file:p.wasm}, state: {ttl: 1h}}")),
        ("P165", policy("{phase: Admit, cesql: type = 'a', limits: {timeout: 1s}}")),
        ("P170", {
            let digest = format!("sha256:{}", "0".repeat(64));
            let module = format!("{{module: file:m.wasm, digest: {digest}}}");
            policy(&format!("\n  phase: Admit\n  wasm: {module}\n  rollout: {{percent: 10, baseline: {digest}}}\n"))
        }),
        ("P171", {
            let promote = "{after: 10m, steps: [10, 50, 25, 100]}";
            let rollout = format!("{{percent: 10, promote: {promote}, baseline: sha256:{}}}", "0".repeat(64));
            policy(&format!(
                "\n  phase: Admit\n  wasm: {{module: file:m.wasm, digest: sha256:{}}}\n  rollout: {rollout}\n",
                "1".repeat(64)
            ))
        }),
    ]
}

#[test]
fn every_code_is_unique_and_has_an_example() {
    let codes: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
    assert!(codes.windows(2).all(|two| two[0] < two[1]), "in order, each once: {codes:?}");
    assert!(CODES.iter().all(|(_, means)| means.ends_with('.') && means.len() > 20));
    assert_eq!(codes, examples().iter().map(|(code, _)| *code).collect::<Vec<_>>());
}

#[test]
fn every_code_reads_well() {
    let mut shown = String::new();
    for (code, text) in examples() {
        // Without a digest only where that is the subject.
        let report = run(&[("policies/orders.yaml", &text)], code != "P161").expect_err(code);
        let found: Vec<_> = report.diagnostics.iter().filter(|d| d.code == code).collect();
        assert!(!found.is_empty(), "{code} is not in\n{report}");
        if code != "P113" {
            assert_eq!(report.diagnostics.len(), 1, "{code} is not alone:\n{report}");
        }
        write!(shown, "{}\n\n", found[0]).unwrap();
    }
    insta::assert_snapshot!(shown);
}
