//! Options of `run` about the admin port: who may use it, and over what.

use std::path::{Path, PathBuf};

use tidegate_control::{Desk, ModuleStore, Status, book};
use tokio_rustls::TlsAcceptor;

use super::{access::Access, api::Api, tls::TlsArgs};

/// See the module.
#[derive(Debug, clap::Args)]
pub(crate) struct AdminArgs {
    /// Who may use the admin API: lines of NAME ROLES TOKEN, with roles read, deploy, tap [default: one token, made as admin-token
    /// in the state directory]
    #[arg(long, value_name = "FILE", help_heading = "Admin port")]
    admin_tokens: Option<PathBuf>,
    #[command(flatten)]
    tls: TlsArgs,
}

/// What an admin port works with.
#[derive(Clone)]
pub(crate) struct AdminOptions {
    pub(super) api: Api,
    pub(super) acceptor: Option<TlsAcceptor>,
}

impl AdminArgs {
    /// Reads what is named; makes a token where none is.
    pub(crate) fn options(&self, state_dir: &Path, status: Status, desk: Desk) -> anyhow::Result<AdminOptions> {
        let access = match &self.admin_tokens {
            Some(file) => Access::from_file(file.clone())?,
            None => Access::local(state_dir)?,
        };
        let kept = book::folder(state_dir);
        let store = ModuleStore::new(kept.join("modules"));
        Ok(AdminOptions { api: Api { status, desk, store, kept, access }, acceptor: self.tls.acceptor()? })
    }
}
