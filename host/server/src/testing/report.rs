//! How cases ended: for people, for programs, for build servers.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use serde_json::{Value, json};

use super::{Done, Problem};
use crate::{event_text, human};

/// The cases of one folder, a line each, and below it what is not as expected.
pub(crate) fn text(folder: &str, module: &str, done: &[Done<'_>], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{folder}  {module}")?;
    let mut file = "";
    for Done { case, problems, .. } in done {
        if case.file != file {
            file = &case.file;
            writeln!(out, "  {file}")?;
        }
        if problems.is_empty() {
            writeln!(out, "    ok    {}", human::plain(&case.case.name))?;
            continue;
        }
        writeln!(out, "    FAIL  {}  (line {})", human::plain(&case.case.name), case.case.place.line)?;
        for problem in problems {
            problem.write(out)?;
        }
    }
    Ok(())
}

/// `5 cases, all passed`.
pub(crate) fn summary(passed: usize, failed: usize) -> String {
    let cases = human::counted(passed + failed, "case");
    match failed {
        0 => format!("{cases}, all passed"),
        _ => format!("{cases}, {failed} failed"),
    }
}

impl Problem {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "          {}", self.sentence().replace('\n', "\n          "))?;
        if let Some((expected, found)) = &self.diff {
            writeln!(out, "          - expected  + found")?;
            event_text::diff(&human::plain(expected), &human::plain(found), 10, out)?;
        }
        Ok(())
    }

    fn sentence(&self) -> String {
        match (&self.event, &self.id) {
            (Some(at), Some(id)) => format!("event {at} ({}): {}", human::plain(id), self.message),
            (_, _) => self.message.clone(),
        }
    }

    fn as_json(&self) -> Value {
        let mut problem = json!({"message": self.message});
        if let Some(at) = self.event {
            problem["event"] = json!(at);
            problem["id"] = json!(self.id);
        }
        if let Some((expected, found)) = &self.diff {
            problem["expected"] = json!(expected);
            problem["found"] = json!(found);
        }
        problem
    }
}

/// One folder as JSON.
pub(crate) fn as_json(folder: &str, digest: &str, done: &[Done<'_>]) -> Value {
    let case = |Done { case, problems, .. }: &Done<'_>| {
        json!({
            "name": case.case.name,
            "file": case.file,
            "line": case.case.place.line,
            "passed": problems.is_empty(),
            "problems": problems.iter().map(Problem::as_json).collect::<Vec<_>>(),
        })
    };
    json!({"folder": folder, "digest": digest, "cases": done.iter().map(case).collect::<Vec<_>>()})
}

/// One folder as a `testsuite` of JUnit's XML.
pub(crate) fn as_junit(folder: &str, done: &[Done<'_>]) -> String {
    let failed = done.iter().filter(|done| !done.problems.is_empty()).count();
    let mut xml = format!(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\">\n",
        escaped(folder),
        done.len()
    );
    for Done { case, problems, .. } in done {
        let (name, file) = (escaped(&case.case.name), escaped(&case.file));
        let line = case.case.place.line;
        let _ = write!(xml, "    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" line=\"{line}\"");
        let Some(first) = problems.first() else {
            xml.push_str("/>\n");
            continue;
        };
        let mut all = Vec::new();
        for problem in problems {
            // Memory takes everything.
            let _ = problem.write(&mut all);
        }
        let (first, all) = (escaped(&first.sentence()), escaped(&String::from_utf8_lossy(&all)));
        let _ = write!(xml, ">\n      <failure message=\"{first}\">{all}</failure>\n    </testcase>\n");
    }
    xml.push_str("  </testsuite>\n");
    xml
}

/// XML 1.0 has no other control characters than tab and ends of lines, not even escaped.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' => safe.push_str("&#10;"),
            '\t' => safe.push('\t'),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_case_can_end_an_attribute() {
        assert_eq!(escaped("a<b> \"c\" & \u{1b}[2J\n"), "a&lt;b&gt; &quot;c&quot; &amp; \u{fffd}[2J&#10;");
    }
}
