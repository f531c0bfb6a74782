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
