//! SIGTERM and SIGINT: the first asks to finish, the second ends it here and now.

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use crate::problem::OrProblem as _;

/// Exit code after the second signal: what was in flight will be delivered again.
const CUT_SHORT: i32 = 1;

/// Whether the process was asked to stop. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens from now on. To be called once, inside the runtime.
    pub(crate) fn listen() -> anyhow::Result<Stop> {
        let listen = |kind| signal(kind).or_problem("signals cannot be listened to", "");
        let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
        let (asked, stop) = watch::channel(false);
        tokio::spawn(async move {
            let name = either(&mut terminate, &mut interrupt).await;
            tracing::info!(signal = name, "stopping: settling what is in flight; a second signal stops at once");
            asked.send_replace(true);
            let name = either(&mut terminate, &mut interrupt).await;
            tracing::warn!(signal = name, "stopped at once: what was in flight will be delivered again");
            std::process::exit(CUT_SHORT);
        });
        Ok(Stop(stop))
    }

    /// Waits for the first signal. Cancel-safe; from then on it returns at once.
    pub(crate) async fn asked(&mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            // The listener never ends before the process does.
            std::future::pending::<()>().await;
        }
    }

    /// Whether a signal came.
    pub(crate) fn is_asked(&self) -> bool {
        *self.0.borrow()
    }
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
