//! `cesql:` (or `sql:`): an expression of CloudEvents SQL, with its mistakes shown where they stand in it.

use tidegate_cesql::{Expression, Place, Type};

use super::Reader;
use crate::{codes, spec::Condition, text::At, tree::Entry};

pub(super) fn read(reader: &mut Reader<'_, '_>, entry: &Entry) -> Option<Condition> {
    let text = reader.mistakes.string(&entry.value, &format!("`{}`", entry.key))?;
    let at = |reader: &Reader<'_, '_>, place: Place| locate(reader, entry.value.at, text, place);
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(error) => {
            let at = at(reader, error.place);
            reader.mistakes.push(codes::EXPRESSION, at, error.problem, error.hint);
            return None;
        }
    };
    let before = reader.mistakes.count();
    for finding in expression.findings() {
        let at = at(reader, finding.place);
        reader.mistakes.push(codes::EXPRESSION_VOID, at, finding.problem.clone(), finding.hint.clone());
    }
    if let Some(type_of @ (Type::String | Type::Integer)) = expression.result() {
        let message = format!("a condition is true or false, and this comes to a value of the type {type_of}");
        reader.mistakes.hint(codes::EXPRESSION_VOID, entry.value.at, message, "compare it: `… = …`");
    }
    for (name, place) in expression.attributes() {
        let at = at(reader, place);
        reader.attribute_known(name, at);
    }
    (reader.mistakes.count() == before).then_some(Condition::Cesql(expression))
}

/// Where a place of the expression stands in the file. Lines of an expression that stand literally in the text are found
/// there; otherwise (escapes, folded lines) it is the whole value.
fn locate(reader: &Reader<'_, '_>, value: At, text: &str, place: Place) -> At {
    let Some(line) = text.split('\n').nth(place.line - 1).map(str::trim_end) else { return value };
    let shift = line.len() - line.trim_start().len();
    let line = &line[shift..];
    // The value itself begins in its first line; what stands under a `|` begins in the next.
    for number in value.line..=value.line + place.line {
        let Some(written) = reader.mistakes.line(number).filter(|_| !line.is_empty()) else { continue };
        let from = if number == value.line { end_of(written, value.column - 1) } else { 0 };
        if let Some(found) = written[from..].find(line) {
            let before = written[..from + found].chars().count() + 1;
            let shifted = text.split('\n').nth(place.line - 1).map_or(0, |whole| whole[..shift].chars().count());
            if place.column > shifted {
                return At { line: number, column: before + place.column - 1 - shifted, length: place.length };
            }
        }
    }
    value
}

fn end_of(text: &str, characters: usize) -> usize {
    text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at)
}
