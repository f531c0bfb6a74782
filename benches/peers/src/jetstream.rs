//! JetStream to JetStream: the host beside a plain loop over async-nats.

use std::{
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use async_nats::{
    HeaderMap,
    jetstream::{
        self, Context, Message,
        consumer::{AckPolicy, pull},
        context::PublishAckFuture,
        stream,
    },
};
use futures_util::StreamExt;
use tidegate_brokers::nats::NatsServer;
use tokio::runtime::{Builder, Runtime};

use crate::{
    relay::{self, Broker, EVENTS},
    report::Report,
};

/// First argument of this program when it is to be the plain loop.
pub(crate) const COMMAND: &str = "relay-jetstream";

const IN: &str = "orders";
/// Messages sent and not confirmed; after them the loop waits for all, and acknowledges what it read.
const WINDOW: usize = 1024;
/// For a confirmation, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

struct Local {
    server: NatsServer,
    runtime: Runtime,
    context: Context,
}

impl Local {
    /// A stream of one subject, both with this name.
    fn make(&self, name: &str) {
        let config = stream::Config { name: name.to_owned(), subjects: vec![name.to_owned()], ..Default::default() };
        self.runtime.block_on(self.context.create_stream(config)).unwrap();
    }

    fn fill(&self) {
        self.make(IN);
        self.runtime.block_on(async {
            let mut acks = Vec::new();
            for n in 0..EVENTS {
                let (attributes, data) = relay::order(n);
                let mut headers = HeaderMap::new();
                headers.insert("content-type", "application/json");
                for (name, value) in attributes {
                    headers.insert(format!("ce-{name}"), value.as_str());
                }
                acks.push(self.context.publish_with_headers(IN, headers, data.into()).await.unwrap());
                if acks.len() == WINDOW {
                    all(&mut acks).await;
                }
            }
            all(&mut acks).await;
        });
    }
}

async fn all(acks: &mut Vec<PublishAckFuture>) {
    for ack in acks.drain(..) {
        ack.await.unwrap();
    }
}

impl Broker for Local {
    const NAME: &'static str = "jetstream";

    fn make_out(&self, name: &str) {
        self.make(name);
    }

    fn count(&self, out: &str) -> usize {
        self.runtime.block_on(async {
            let stream = self.context.get_stream(out).await.unwrap();
            stream.cached_info().state.messages as usize
        })
    }

    fn remove_out(&self, out: &str) {
        self.runtime.block_on(self.context.delete_stream(out)).unwrap();
    }

    fn source(&self, reader: &str) -> String {
        format!("{{nats: {{servers: [\"{}\"], stream: {IN}, consumer: {reader}}}}}", self.server.url())
    }

    fn sink(&self, out: &str) -> String {
        format!("{{nats: {{servers: [\"{}\"], subject: {out}, mode: binary}}}}", self.server.url())
    }

    fn bare(&self, reader: &str, out: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([COMMAND, &self.server.url(), reader, out]).stdin(Stdio::null());
        command
    }
}

pub(crate) fn run(report: &mut Report) {
    let server = NatsServer::start().unwrap_or_else(|error| panic!("{error}"));
    // A client works beside whoever waits for it.
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut context = runtime.block_on(async { jetstream::new(async_nats::connect(server.url()).await.unwrap()) });
    context.set_timeout(PATIENCE);
    let local = Local { server, runtime, context };
    local.fill();
    relay::run(report, &local);
}

/// The plain loop: `SERVER CONSUMER OUT`. Sleeps when it is done, until it is killed.
pub(crate) fn bare(args: &[String]) -> ExitCode {
    let [server, consumer, out] = args else { panic!("SERVER CONSUMER OUT") };
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut context = jetstream::new(async_nats::connect(server.as_str()).await.unwrap());
        context.set_timeout(PATIENCE);
        let config = pull::Config {
            durable_name: Some(consumer.clone()),
            ack_policy: AckPolicy::Explicit,
            max_ack_pending: 8192,
            ..Default::default()
        };
        let consumer = context.get_stream(IN).await.unwrap().create_consumer(config).await.unwrap();
        let mut messages = consumer.messages().await.unwrap();
        let mut window: Vec<(Message, PublishAckFuture)> = Vec::new();
        let mut done = 0;
        while done < EVENTS {
            let message = messages.next().await.unwrap().unwrap();
            let mut headers = message.headers.clone().unwrap_or_default();
            let id = headers.get("ce-id").unwrap().to_string();
            headers.insert("Nats-Msg-Id", id);
            let sent = context.publish_with_headers(out.clone(), headers, message.payload.clone()).await.unwrap();
            window.push((message, sent));
            if window.len() == WINDOW || done + window.len() == EVENTS {
                for (message, sent) in window.drain(..) {
                    sent.await.unwrap();
                    message.ack().await.unwrap();
                    done += 1;
                }
            }
        }
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
}
