//! What people are told: about a text that is no expression, and about one that can come to nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use tidegate_cesql::Expression;

/// `line:column+length problem (hint)`.
#[track_caller]
fn refused(text: &str, says: &str) {
    let error = Expression::parse(text).expect_err(text);
    let hint = error.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
    let place = error.place;
    assert_eq!(format!("{}:{}+{} {}{hint}", place.line, place.column, place.length, error.problem), says);
}

#[track_caller]
fn found(text: &str, says: &[&str]) {
    let expression = Expression::parse(text).unwrap();
    let shown = expression.findings().iter().map(|finding| {
        let hint = finding.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        let place = finding.place;
        format!("{}:{}+{} {}{hint}", place.line, place.column, place.length, finding.problem)
    });
    assert_eq!(shown.collect::<Vec<_>>(), says);
}

#[test]
fn refusals_say_where_what_was_expected_and_often_what_to_write() {
    refused("", "1:1+1 expected a value, found the end");
    refused("1 +", "1:4+1 expected a value, found the end");
    refused("type == 'a'", "1:7+1 expected a value, found `=` (two values are compared with a single `=`)");
    refused("a = 1 && b = 2", "1:7+1 expected an operator or the end, found '&' (write `AND`)");
    refused("!a", "1:1+1 expected a value, found '!' (write `NOT`)");
    refused("(a = 1", "1:7+1 expected an operator or `)`, found the end (the `(` of line 1, column 1 is not closed)");
    refused("a = 1)", "1:6+1 expected an operator or the end, found `)`");
    refused("type = 'it's'", "1:12+1 expected an operator or the end, found `s`");
    refused(
        "type = 'abc",
        "1:8+1 a string whose ' at the end is missing (in a string, `\\'` stands for the quote itself)",
    );
    refused("a LIKE 5", "1:8+1 expected a pattern in quotes, found `5`");
    refused("a NOT b", "1:7+1 expected `LIKE` or `IN` after `NOT`, found `b`");
    refused("a IN 'b'", "1:6+3 expected `(` and a list of values, found a string");
    refused("a IN ()", "1:7+1 expected a value of the set, found `)`");
    refused(
        "a IS NULL",
        "1:3+2 expected an operator or the end, found `IS` (write `EXISTS name` or `NOT EXISTS name`)",
    );
    refused(
        "EXISTS(subject)",
        "1:7+1 expected the name of an attribute after `EXISTS`, found `(` (write `EXISTS name`, without parentheses)",
    );
    refused(
        "my_ext = 1",
        "1:1+6 `my_ext` cannot be the name of an attribute (names of attributes are letters and digits; only functions have `_`)",
    );
    refused(
        "a = 1.5",
        "1:6+1 expected an operator or the end, found '.' (an expression sees attributes only, and numbers have no fractions)",
    );
    refused("a = 9999999999", "1:5+10 a number that no Integer holds (an Integer goes from -2147483648 to 2147483647)");
    refused(
        "a = 1 AND\n  grün = 2",
        "2:5+1 expected an operator or the end, found 'ü' (names are letters a-z and digits; text stands in quotes)",
    );
    refused("a = “x”", "1:5+1 expected a value, found '“' (strings stand in ' or \")");
}

#[test]
fn what_comes_to_nothing_is_found() {
    found("type = 'a' AND n < 5", &[]);
    found("LENGHT(type) = 3", &["1:1+6 no function named `LENGHT` (did you mean `LENGTH`?)"]);
    found("SUBSTRING(type) = 'a'", &["1:1+9 `SUBSTRING` with 1 argument (SUBSTRING takes 2 to 3 arguments)"]);
    found("CONCAT_WS() = ''", &["1:1+9 `CONCAT_WS` with 0 arguments (CONCAT_WS takes 1 or more arguments)"]);
    found("n < 'ten'", &["1:5+5 'ten' is no Integer"]);
    found("'ten' = 5", &["1:1+5 'ten' is no Integer"]);
    found("type = 'a' AND 'yes'", &["1:16+5 'yes' is no Boolean"]);
    found("n / 0 = 1", &["1:5+1 a division by zero"]);
    found(
        "NOT 5 OR NOT (1 + 1)",
        &[
            "1:5+1 `NOT` takes a Boolean, and this is an Integer (compare it: `… = 0`)",
            "1:14+7 `NOT` takes a Boolean, and this is an Integer (compare it: `… = 0`)",
        ],
    );
    found("1 IN ('a', '2')", &["1:7+3 'a' is no Integer"]);
    found("LEFT(type, 'x') = ''", &["1:12+3 'x' is no Integer"]);
    found(
        "data = 'a'",
        &["1:1+4 `data` is not an attribute (expressions decide on attributes; `pattern` looks into JSON data)"],
    );
}

#[test]
fn attributes_are_told_with_their_places() {
    let expression = Expression::parse("Type = 'a' OR\n EXISTS tenant AND type = 'b'").unwrap();
    let named: Vec<_> = expression
        .attributes()
        .map(|(name, place)| format!("{name} {}:{}+{}", place.line, place.column, place.length))
        .collect();
    assert_eq!(named, ["type 1:1+4", "tenant 2:9+6", "type 2:20+4"]);
}
