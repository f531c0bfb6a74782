//! The jars of a broker, by Maven.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::process::Command;

use crate::fetch::{FetchError, kept, program, tried};

const POM: &str = include_str!("../../kafka/pom.xml");
const HINT: &str = "it fetches the jars of Kafka (Debian: maven)";

/// The folder of the jars; fetched by the first who asks.
pub(super) fn jars() -> Result<PathBuf, FetchError> {
    let mut hasher = DefaultHasher::new();
    POM.hash(&mut hasher);
    kept(&format!("kafka-{:016x}", hasher.finish()), |folder| {
        std::fs::write(folder.join("pom.xml"), POM).map_err(tried("writing the pom"))?;
        let mut maven = Command::new(program("mvn", HINT)?);
        maven.args(["-B", "-q", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=."]);
        let output = maven.current_dir(folder).output().map_err(tried("starting mvn"))?;
        if output.status.success() {
            return Ok(());
        }
        let text = [output.stdout, output.stderr].concat();
        Err(FetchError::Failed { program: "mvn", output: String::from_utf8_lossy(&text).into_owned() })
    })
}
