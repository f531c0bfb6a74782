//! The connector `file`.

use serde_json::Value;
use tidegate_connector::connector::{ReadBack, ReadBackError};
use tidegate_connector::{ConfigError, Connector, Place, Source, Writer};

use crate::config::{AtEnd, SinkConfig, SourceConfig};
use crate::sink::FileWriter;
use crate::sink::back::FileBack;
use crate::source::FileSource;

/// The `file` connector.
#[derive(Clone, Copy, Debug, Default)]
pub struct File;

impl Connector for File {
    fn name(&self) -> &'static str {
        "file"
    }

    fn check_source(&self, config: &Value) -> Result<(), Vec<ConfigError>> {
        SourceConfig::read(config).map(drop)
    }

    fn check_sink(&self, config: &Value) -> Result<(), Vec<ConfigError>> {
        SinkConfig::read(config).map(drop)
    }

    fn open_source(&self, id: &str, config: &Value, place: &Place<'_>) -> Result<Box<dyn Source>, Vec<ConfigError>> {
        let config = SourceConfig::read(config)?.at(place);
        Ok(Box::new(FileSource::new(id, config, place.state_dir)))
    }

    fn open_sink(&self, _id: &str, config: &Value, place: &Place<'_>) -> Result<Box<dyn Writer>, Vec<ConfigError>> {
        Ok(Box::new(FileWriter::new(SinkConfig::read(config)?.at(place))))
    }

    /// Files that do not exist yet hold nothing.
    fn read_back(&self, _id: &str, config: &Value, place: &Place<'_>) -> Result<Box<dyn ReadBack>, ReadBackError> {
        let config = SinkConfig::read(config).map_err(ReadBackError::Config)?;
        Ok(Box::new(FileBack::new(config.at(place))))
    }
}

/// The `file` connector of a host that ends when its files do: none of them is followed, whatever its document says.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileToItsEnd;

impl Connector for FileToItsEnd {
    fn name(&self) -> &'static str {
        File.name()
    }

    fn check_source(&self, config: &Value) -> Result<(), Vec<ConfigError>> {
        File.check_source(config)
    }

    fn check_sink(&self, config: &Value) -> Result<(), Vec<ConfigError>> {
        File.check_sink(config)
    }

    fn open_source(&self, id: &str, config: &Value, place: &Place<'_>) -> Result<Box<dyn Source>, Vec<ConfigError>> {
        let config = SourceConfig { at_end: AtEnd::Stop, ..SourceConfig::read(config)?.at(place) };
        Ok(Box::new(FileSource::new(id, config, place.state_dir)))
    }

    fn open_sink(&self, id: &str, config: &Value, place: &Place<'_>) -> Result<Box<dyn Writer>, Vec<ConfigError>> {
        File.open_sink(id, config, place)
    }

    fn read_back(&self, id: &str, config: &Value, place: &Place<'_>) -> Result<Box<dyn ReadBack>, ReadBackError> {
        File.read_back(id, config, place)
    }
}
