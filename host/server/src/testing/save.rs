//! `tidegate eval --save`: an event and what became of it, as a case.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
};

use serde_json::{Value, json};
use tidegate_policy::{File, cases, cases::Verdict, flow_yaml};

use crate::{
    event_text,
    problem::{OrProblem as _, problem},
    trial::Fate,
};

/// What `eval` was told, as a case says it; what is not told is not written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) config: Option<Value>,
    pub(crate) capabilities: Vec<&'static str>,
    /// `data` among them.
    pub(crate) may_write: Vec<String>,
    pub(crate) may_emit: Option<u32>,
}

impl Told {
    /// Of a module that is given this much; what it would be given anyway is not told.
    pub(crate) fn new(config: &Value, capabilities: Vec<&'static str>, may_write: Vec<String>, may_emit: u32) -> Told {
        let config = (*config != json!({})).then(|| config.clone());
        Told { config, capabilities, may_write, may_emit: (may_emit != 1).then_some(may_emit) }
    }
}

/// Appends one case an event to a file of cases, made if it is missing. What is there stays as it is.
pub(crate) fn save(
    path: &Path,
    events: &[tidegate_event::Event],
    fates: &[Fate],
    told: &Told,
) -> anyhow::Result<usize> {
    let shown = path.display().to_string();
    let before = match path.exists() {
        true => fs::read_to_string(path).or_problem(format!("{shown} cannot be read"), "")?,
        false => String::new(),
    };
    let is_new = before.trim().is_empty();
    let hint = "name a file of cases in block style, with `cases:` as its last key";
    let known = if is_new {
        Vec::new()
    } else {
        let file = File { path: shown.clone(), text: before.clone() };
        let cases = cases::read(&file).or_problem(format!("{shown} is no file of cases"), hint)?;
        cases.into_iter().map(|case| case.name).collect()
    };
    let mut text = if is_new { "cases:\n".to_owned() } else { String::new() };
    if !is_new && !before.ends_with('\n') {
        text.push('\n');
    }
    let mut names: Vec<String> = known;
    for (event, fate) in events.iter().zip(fates) {
        let name = unique(format!("{} of type {}: {}", event.id(), event.ty(), fate.verdict.word()), &names);
        text.push_str(&case(&name, event, fate, told));
        names.push(name);
    }
    // It must be read as it was meant before anything is written.
    let whole = File { path: shown.clone(), text: format!("{before}{text}") };
    match cases::read(&whole) {
        Ok(cases) if cases.len() == names.len() => {}
        Ok(_) | Err(_) => return Err(problem(format!("{shown} cannot be added to"), hint)),
    }
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).or_problem(format!("{shown} cannot be written"), "")?;
    Ok(events.len())
}

fn unique(name: String, known: &[String]) -> String {
    let numbered = (2..).map(|n| format!("{name} ({n})"));
    std::iter::once(name.clone()).chain(numbered).find(|name| !known.contains(name)).unwrap_or_default()
}

fn case(name: &str, event: &tidegate_event::Event, fate: &Fate, told: &Told) -> String {
    let mut lines = vec![format!("- name: {}", flow_yaml(&Value::from(name)))];
    let mut line = |key: &str, value: &Value| lines.push(format!("  {key}: {}", flow_yaml(value)));
    if let Some(config) = &told.config {
        line("config", config);
    }
    if !told.capabilities.is_empty() {
        line("capabilities", &told.capabilities.clone().into());
    }
    if !told.may_write.is_empty() {
        let attributes: Vec<&String> = told.may_write.iter().filter(|name| *name != "data").collect();
        let data = told.may_write.iter().any(|name| name == "data");
        line("mayWrite", &serde_json::json!({"attributes": attributes, "data": data}));
    }
    if let Some(may_emit) = told.may_emit {
        line("mayEmit", &may_emit.into());
    }
    let given = event_text::value(event);
    line("event", &given);
    lines.push("  expect:".to_owned());
    lines.push(format!("    verdict: {}", fate.verdict.word()));
    // What a module failed with is not its answer: it may be worded differently tomorrow.
    if !fate.reason.is_empty() && fate.verdict != Verdict::Fail {
        lines.push(format!("    reason: {}", flow_yaml(&Value::from(fate.reason.clone()))));
    }
    let out: Vec<Value> = fate.out.iter().map(event_text::value).collect();
    if fate.verdict == Verdict::Keep {
        match out.as_slice() {
            [one] if *one == given => lines.push("    out: same".to_owned()),
            out => {
                lines.push("    out:".to_owned());
                lines.extend(out.iter().map(|event| format!("    - {}", flow_yaml(event))));
            }
        }
    }
    if !fate.names.is_empty() {
        lines.push(format!("    names: {}", flow_yaml(&fate.names.clone().into())));
    }
    lines.join("\n") + "\n"
}
