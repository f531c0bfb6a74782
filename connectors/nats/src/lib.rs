//! `nats`: events from and to subjects of NATS, plain or kept by a stream (JetStream).
//!
//! # Connections, of sources and sinks
//!
//! | key | meaning | default |
//! |---|---|---|
//! | `servers` | `nats://HOST:PORT`, or `tls://…`; 1 to 32 of one cluster, without user or password | required |
//! | `auth` | one of `{user: {name, password: S}}`, `{token: S}`, `{nkey: S}` (a seed), `{credentials: S}` (a creds file); `S` is `{secret: {file: …}}` or `{secret: {env: …}}` | none |
//! | `tls` | `{ca: FILE, clientCertificate: {certificate: FILE, key: FILE}, first: true}`, each of them optional; being there, TLS is required. `first`: before the server says anything | none; the system's roots |
//!
//! The client connects again by itself, at first at once, at most 4 s apart; the host's status says so meanwhile. Passwords and tokens
//! are read again at each connection. Requests and answers go through subjects `_INBOX.>`; streams also need `$JS.API.>` and `$JS.ACK.>`.
//!
//! # Reading plain subjects
//!
//! | key | meaning | default |
//! |---|---|---|
//! | `subjects` | what to listen to, with `*` and `>`; up to 64. What two of them match comes twice | required |
//! | `queue` | readers of one queue share what comes | none: each gets all |
//!
//! **At most once up to here:** the server keeps nothing. What is published while nobody listens, is on its way when a connection is
//! lost, or is held when the host ends, is gone. What arrived is held until it is settled, and nacked events are delivered again.
//!
//! # Reading a stream
//!
//! | key | meaning | default |
//! |---|---|---|
//! | `stream` | its name; it must be there | required |
//! | `consumer` | the durable consumer, made where there is none; one host a consumer | `tidegate_NAMESPACE_NAME` of the source |
//! | `subjects` | only these, with `*` and `>`; up to 64 | all |
//! | `start` | where a consumer that is made begins: `beginning` or `end` | `beginning` |
//! | `ackWait` | after which the server takes back what it hears nothing of | `30s`, from 1s to 10m |
//! | `maxAckPending` | what the server hands out unacknowledged at most | 8192, up to 65536 |
//!
//! One consumer is one lane, `STREAM/CONSUMER`, in the order of the stream. **What settled means here:** each message is
//! acknowledged for itself, explicitly; the server remembers it as durably as it is set up to (it syncs its disk every two minutes unless
//! `sync_interval: always`). For what is held, more time is asked for every third of `ackWait`. A message past its `ackWait` is not
//! delivered, and not acknowledged, before the server has sent it again: it might be someone else's. What comes again
//! although it is held or done is recognised, and not delivered twice.
//!
//! **Order.** The server delivers a message that was nacked after those behind it, so nacked events stay here and are delivered
//! again from here, with all that follows. After a lost connection or a killed host the consumer is reset to its acknowledgement floor, and
//! goes on from there in order; that needs a server from 2.14 on. With an older one the lane waits for `ackWait` instead. Two hosts
//! on one consumer would have no order between them: the second waits until the first is gone.
//!
//! A message whose headers no client can read (they are not UTF-8) is malformed, like one that is no event, and the lane goes on: once it is
//! settled it is terminated (`+TERM`), and the server's advisory tells who watches. What is not settled when the host stops is given back
//! (`-NAK`); what waited there to be tried again, with the rest of that delay, for `ackWait` at most.
//!
//! # Messages and events
//!
//! | key | meaning | default |
//! |---|---|---|
//! | `envelope` | the rule for messages that say nothing of events; may name `${subject}`, and over streams `${stream}`, `${sequence}` | none: they must be structured events; `id` is `${stream}:${sequence}`, else `${hash}` |
//! | `validate` | `envelope` checks structure and attributes, `full` the grammar inside `data` too | `envelope` |
//! | `acceptHeaders` | headers that become context `header.NAME`; up to 32 | none |
//!
//! Content type `application/cloudevents+json` is a structured event, headers `ce-…` (percent-encoded; the content type in `content-type`
//! or `ce-datacontenttype`) are a binary one. Context: `subject`, and over streams `stream` and `sequence`.
//!
//! # Writing
//!
//! | key | meaning | default |
//! |---|---|---|
//! | `subject` | where events go that were sent to no other | none: such an event is refused |
//! | `mode` | `structured` or `binary` | `structured` |
//! | `jetstream` | whether a stream has to confirm | `true` |
//! | `messageId` | `event`: `Nats-Msg-Id` is made of subject, source and id; `none` | `event` |
//! | `inFlight` | messages sent and not confirmed at once | 8192, which is the most; from 1 |
//! | `ackTimeout` | without any confirmation for so long, what is not confirmed is sent again | `5s`, from 100ms to 60s |
//! | `passHeaders` | headers of the context that travel on; up to 32 | none |
//!
//! **Durable means**: the stream's confirmation (as durable as the stream is set up); without `jetstream`, that the server has read it.
//!
//! What is sent again because a confirmation was lost, the stream drops by its message id, as long as its `duplicate_window` (2 minutes
//! unless set) remembers it. Two events of one subject with the same source and id are one to it; two dead letters are not, unless it is one event
//! that was delivered again.
//!
//! **Order** is that of the events: when a connection is lost, the rest is sent again in order. When a stream refuses one message in
//! the middle (it is full and `discard: new`), those of the group behind it may be stored before it; `inFlight: 1` prevents that, and
//! is much slower.
//!
//! What its own `subject` has in its stream can be read back (`tidegate dlq`), without a consumer of its own left behind.
//!
//! Refused for good (the event alone): a subject that is none, more than the server's `max_payload` or the stream's
//! `max_msg_size`. Tried again: no connection, no stream on the subject, a stream that is full.

mod binding;
mod config;
mod connector;
mod link;
mod sink;
mod source;
mod subject;

pub use connector::Nats;
