//! Dead letters in a stream.

use super::line::Line;
use crate::rig::letters::Letters;

#[test]
fn dead_letters_of_a_stream_are_listed_shown_replayed_and_dropped() {
    let mut line = Line::new();
    line.deploy(0);
    let mut host = line.start();
    line.produce_with(20, |number| match number {
        7 | 14 => ("test.trap", "dead_lettered"),
        _ => ("test.pass", "delivered"),
    });
    line.publish("IN.events", vec!["no event at all".to_owned()]);
    line.finish(&mut host);
    let url = line.server.url();
    let origin = |sequence: usize| format!("{url} IN/IN.events@{sequence}");
    let dir = line.dir.path().to_owned();
    let letters = Letters { dir: &dir, poison: [("7", origin(8)), ("14", origin(15))], malformed: origin(21) };
    letters.pass_through_every_command(|| line.ids("OUT"));
    assert!(host.stop().success());
}

/// Streams drop a message id that they have seen: an event is one to them, its dead letters are not.
#[test]
fn dead_letters_of_events_that_are_called_alike_all_rest() {
    let mut line = Line::new();
    line.put(&line.docs().policy("trap", "trap.wasm", "failure: {onTrap: DeadLetter}"));
    let mut host = line.start();
    let alike = |number: usize| {
        format!(
            "{{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/test\",\"type\":\"t\",\"subject\":\"s\",\"data\":{number}}}"
        )
    };
    line.publish("IN.events", (0..3).map(alike).collect());
    line.finish(&mut host);
    assert_eq!(line.ids("DLQ"), ["1", "1", "1"]);
    let origins: Vec<_> = line.payloads("DLQ").iter().map(|letter| letter["tidegateorigin"].clone()).collect();
    assert_eq!(origins, [1, 2, 3].map(|sequence| format!("{} IN/IN.events@{sequence}", line.server.url())));

    // Put through the line once more while the stream still remembers them, what fails again is an entry of its own.
    let again = ["dlq", "replay", "docs", "--dev", "--state-dir", "state", "--cause", "trap"];
    let said = crate::support::run(line.dir.path(), &again);
    assert_eq!(line.count("DLQ"), 6, "{said:?}");
    assert!(host.stop().success());
}
