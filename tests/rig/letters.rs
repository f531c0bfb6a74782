//! Dead letters at a broker, by the program itself: listed, looked at, replayed through a mended policy, dropped. The host goes on meanwhile.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::docs::Docs;
use super::guests::Guest;
use crate::support::{Ran, run};

/// What rests, and where it came from.
pub struct Letters<'a> {
    /// Of a host: documents in `docs`, state in `state`.
    pub dir: &'a Path,
    /// Ids of the two events that the policy `trap` fell over, oldest first, each with where it stood.
    pub poison: [(&'a str, String); 2],
    /// Where the one message stood that was no event.
    pub malformed: String,
}

impl Letters<'_> {
    fn dlq(&self, args: &[&str]) -> Ran {
        let (command, rest) = args.split_first().expect("a command");
        run(self.dir, &[&["dlq", command, "docs", "--dev", "--state-dir", "state"], rest].concat())
    }

    fn list(&self, args: &[&str]) -> Vec<Value> {
        let said = self.dlq(&[&["list", "-o", "json"], args].concat()).fine();
        said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// All four commands; `delivered` are the ids that the sink has got.
    pub fn pass_through_every_command(&self, mut delivered: impl FnMut() -> Vec<String>) {
        let poison: Vec<&str> = self.poison.iter().map(|(id, _)| *id).collect();
        let before = delivered();
        assert!(poison.iter().all(|id| !before.contains(&(*id).to_owned())));

        let list = self.list(&[]);
        let mut found: Vec<(&str, &str, &str)> = list
            .iter()
            .map(|entry| {
                let text = |name: &str| entry[name].as_str().unwrap_or_default();
                let event = if text("cause") == "malformed" { "" } else { text("event") };
                (event, text("cause"), text("origin"))
            })
            .collect();
        let mut expected: Vec<(&str, &str, &str)> =
            self.poison.iter().map(|(id, origin)| (*id, "trap", origin.as_str())).collect();
        expected.push(("", "malformed", &self.malformed));
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{list:#?}");
        assert!(list.iter().all(|entry| entry["by"] == "default/trap" || entry["cause"] == "malformed"));

        let id = poison[0];
        assert_eq!(self.dlq(&["show", "-e", id, "--payload"]).fine(), format!("{{\"n\":{id}}}"));
        let shown = self.dlq(&["show", "-e", id]).fine();
        assert!(shown.contains(&self.poison[0].1) && shown.contains("unreachable"), "{shown}");

        let mended = self.dir.join("mended");
        fs::create_dir(&mended).expect("a folder");
        fs::write(mended.join("mended.wasm"), Guest::filter().component()).expect("write");
        fs::write(mended.join("trap.yaml"), Docs::new().policy("trap", "mended.wasm", "").text()).expect("write");
        let dry = self.dlq(&["replay", "--with", "mended", "--cause", "trap", "--dry-run"]).fine();
        assert!(dry.contains("Dry run: 2 delivered"), "{dry}");
        assert_eq!(delivered().len(), before.len(), "a dry run delivers nothing");
        let ran = self.dlq(&["replay", "--with", "mended", "--cause", "trap"]).fine();
        assert!(ran.contains("2 delivered"), "{ran}");
        let after = delivered();
        assert_eq!(after[before.len()..], poison, "as they came, and in order, behind what was there");
        assert_eq!(self.list(&[]).len(), 1, "the malformed one is left");
        let again = self.dlq(&["replay", "--with", "mended", "--cause", "trap"]).fine();
        assert!(again.contains("0 delivered"), "{again}");

        assert_eq!(self.dlq(&["drop", "--cause", "malformed"]).fine(), "1 entry dropped.\n");
        assert_eq!((self.list(&[]).len(), self.list(&["--all"]).len()), (0, 3), "the evidence stays");
        assert_eq!(delivered(), after);
    }
}
