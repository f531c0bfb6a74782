//! Everything there is under `/v1`: the routes and `/openapi.json` are made from this list.

use super::{Answered, Call, changes, decisions, look, tap};
use crate::admin::access::Role;

/// One method of one path.
pub(super) struct Operation {
    pub(super) method: &'static str,
    /// With `{name}` for its parts.
    pub(super) path: &'static str,
    /// What it is called: in the log of who did what as well.
    pub(super) id: &'static str,
    pub(super) role: Role,
    pub(super) summary: &'static str,
    /// Query parameters: name, and what it is for.
    pub(super) query: &'static [(&'static str, &'static str)],
    /// Request headers that count.
    pub(super) headers: &'static [&'static str],
    pub(super) body: Body,
    /// Name of a schema in [`SCHEMAS`](super::openapi), or a media type.
    pub(super) answer: &'static str,
    /// Statuses beside 200, 400, 401, 403 and 503.
    pub(super) problems: &'static [u16],
    pub(super) handler: fn(Call) -> Answered,
}

/// What is sent along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    None,
    /// Name of a schema, and bytes at most.
    Json(&'static str, usize),
    /// A document, YAML or JSON.
    Document,
    Module,
}

/// As the policy crate has it.
const DOCUMENT_BYTES_MAX: usize = tidegate_policy::FILE_BYTES_MAX;
const SET_BYTES_MAX: usize = 64 << 20;
const MODULE_BYTES_MAX: usize = 64 << 20;
const SMALL: usize = 64 << 10;

impl Operation {
    pub(super) fn body_bytes_max(&self) -> usize {
        match self.body {
            Body::None => SMALL,
            Body::Json(_, max) => max,
            Body::Document => DOCUMENT_BYTES_MAX,
            Body::Module => MODULE_BYTES_MAX,
        }
    }
}

const GET: Operation = Operation {
    method: "GET",
    path: "",
    id: "",
    role: Role::Read,
    summary: "",
    query: &[],
    headers: &[],
    body: Body::None,
    answer: "",
    problems: &[],
    handler: |call| Box::pin(look::status(call)),
};
const POST: Operation = Operation { method: "POST", role: Role::Deploy, ..GET };
const DRY_RUN: (&str, &str) = ("dryRun", "true: verify, answer what would change, and change nothing");
const REASON: (&str, &str) = ("reason", "what it is for; stands in the history");
const DOCUMENT: &str = "/v1/documents/{kind}/{namespace}/{name}";

/// The API.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        path: "/v1/status",
        id: "status",
        summary: "What runs: conditions, policies with their digests, routes, lanes, sinks",
        answer: "Status",
        handler: |call| Box::pin(look::status(call)),
        ..GET
    },
    Operation {
        path: "/v1/documents",
        id: "listDocuments",
        summary: "The documents that are live, with their entity tags",
        query: &[("texts", "true: with what they say")],
        answer: "Documents",
        handler: |call| Box::pin(look::documents(call)),
        ..GET
    },
    Operation {
        path: "/v1/documents",
        id: "applyDocuments",
        summary: "Puts and deletes documents, all of them or none; with dryRun tells what would change, also for a sample of events",
        query: &[DRY_RUN, REASON],
        headers: &["If-Match"],
        body: Body::Json("Edit", SET_BYTES_MAX),
        answer: "Changed",
        problems: &[404, 409, 412, 413, 422, 507],
        handler: |call| Box::pin(changes::apply(call)),
        ..POST
    },
    Operation {
        path: DOCUMENT,
        id: "getDocument",
        summary: "One document as it was written",
        answer: "application/yaml",
        problems: &[404],
        handler: |call| Box::pin(look::document(call)),
        ..GET
    },
    Operation {
        method: "PUT",
        path: DOCUMENT,
        id: "putDocument",
        summary: "Makes one document what the body says",
        query: &[DRY_RUN, REASON],
        headers: &["If-Match", "If-None-Match"],
        body: Body::Document,
        answer: "Changed",
        problems: &[409, 412, 413, 422, 507],
        handler: |call| Box::pin(changes::put(call)),
        ..POST
    },
    Operation {
        method: "DELETE",
        path: DOCUMENT,
        id: "deleteDocument",
        summary: "Takes one document out",
        query: &[DRY_RUN, REASON],
        headers: &["If-Match"],
        answer: "Changed",
        problems: &[404, 409, 412, 422, 507],
        handler: |call| Box::pin(changes::delete(call)),
        ..POST
    },
    Operation {
        path: "/v1/modules",
        id: "listModules",
        summary: "Modules that are kept, by digest",
        answer: "Modules",
        handler: |call| Box::pin(look::modules(call)),
        ..GET
    },
    Operation {
        path: "/v1/modules/{digest}",
        id: "getModule",
        summary: "Whether a module is here",
        answer: "Module",
        problems: &[404],
        handler: |call| Box::pin(look::module(call)),
        ..GET
    },
    Operation {
        method: "PUT",
        path: "/v1/modules/{digest}",
        id: "putModule",
        summary: "Uploads a module under its digest; one that no generation uses goes after an hour",
        body: Body::Module,
        answer: "Module",
        problems: &[413, 422, 507],
        handler: |call| Box::pin(changes::upload(call)),
        ..POST
    },
    Operation {
        path: "/v1/generations",
        id: "listGenerations",
        summary: "The last 20 generations that went live, newest first: each can come back",
        answer: "Generations",
        handler: |call| Box::pin(look::generations(call)),
        ..GET
    },
    Operation {
        path: "/v1/generations/{id}",
        id: "getGeneration",
        summary: "One kept generation with its documents; the beginning of its id will do",
        answer: "Generation",
        problems: &[404],
        handler: |call| Box::pin(look::generation(call)),
        ..GET
    },
    Operation {
        path: "/v1/history",
        id: "history",
        summary: "Who changed what, when, and how it ended; newest first",
        query: &[("limit", "so many at most")],
        answer: "History",
        handler: |call| Box::pin(look::history(call)),
        ..GET
    },
    Operation {
        path: "/v1/rollback",
        id: "rollback",
        summary: "Makes a kept generation live again, without compiling; without one, that before this",
        body: Body::Json("Rollback", SMALL),
        answer: "Changed",
        problems: &[404, 413, 422, 507],
        handler: |call| Box::pin(changes::rollback(call)),
        ..POST
    },
    Operation {
        path: "/v1/policies/{namespace}/{name}/promote",
        id: "promotePolicy",
        summary: "Takes a policy's rollout on to a percentage of the keys, or, without one, to all of them for good",
        query: &[DRY_RUN],
        body: Body::Json("Promote", SMALL),
        answer: "Changed",
        problems: &[404, 409, 413, 422, 507],
        handler: |call| Box::pin(changes::promote(call)),
        ..POST
    },
    Operation {
        path: "/v1/routes/{namespace}/{name}/pause",
        id: "pauseRoute",
        summary: "Holds the sources of a route where they stand, over restarts as well",
        body: Body::Json("Reason", SMALL),
        answer: "Paused",
        problems: &[404, 413, 507],
        handler: |call| Box::pin(changes::pause(call)),
        ..POST
    },
    Operation {
        path: "/v1/routes/{namespace}/{name}/resume",
        id: "resumeRoute",
        summary: "Lets them go on from there; a lane that a policy stopped tries once more",
        body: Body::Json("Reason", SMALL),
        answer: "Paused",
        problems: &[404, 413, 507],
        handler: |call| Box::pin(changes::resume(call)),
        ..POST
    },
    Operation {
        path: "/v1/decisions",
        id: "findDecisions",
        summary: "What became of an event, from the decision log: drops, refusals and dead letters, and a sample of the rest",
        query: &[("id", "of the event"), ("source", "of the event, where several have the id")],
        answer: "Decisions",
        handler: |call| Box::pin(decisions::find(call)),
        ..GET
    },
    Operation {
        path: "/v1/tap",
        id: "tapEvents",
        role: Role::Tap,
        summary: "Live events as they are decided, one JSON object a line: first what follows, last why it ends; what they carry is hidden",
        query: &[
            ("route", "NAMESPACE/NAME; without it, all routes"),
            ("at", "received (as they came, and what became of them), policy, or sent; received"),
            ("policy", "NAMESPACE/NAME: events as it meets them, and what it decides"),
            ("where", "a condition as in `match`, in JSON or YAML: {prefix: {type: com.acme.}}"),
            ("limit", "so many events at most, up to 100000; 1000"),
            ("seconds", "for so long, up to 240; 60"),
            ("redact", "false: with extensions and payload; stands in the history"),
        ],
        answer: "application/x-ndjson",
        problems: &[404, 422],
        handler: |call| Box::pin(tap::stream(call)),
        ..GET
    },
    Operation {
        path: "/v1/explain",
        id: "explainEvent",
        role: Role::Read,
        summary: "Puts one event through what is live, without sending anything: what each policy says, and why",
        body: Body::Json("Explain", 2 << 20),
        answer: "Explained",
        problems: &[413],
        handler: |call| Box::pin(changes::explain(call)),
        ..POST
    },
];
