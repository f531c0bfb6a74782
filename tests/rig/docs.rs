//! Documents of tests, put together from specs in YAML's flow style.

/// A set of documents in one file.
#[derive(Clone, Debug, Default)]
pub struct Docs(String);

impl Docs {
    pub fn new() -> Docs {
        Docs::default()
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn doc(self, kind: &str, name: &str, spec: &str) -> Docs {
        self.labelled(kind, name, "{}", spec)
    }

    #[must_use]
    pub fn labelled(mut self, kind: &str, name: &str, labels: &str, spec: &str) -> Docs {
        self.0 += &format!(
            "---\napiVersion: tidegate.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}, labels: {labels}}}\nspec: {spec}\n"
        );
        self
    }

    /// A memory source; its queue has its name.
    #[must_use]
    pub fn source(self, name: &str) -> Docs {
        self.doc("Source", name, &format!("{{memory: {{name: {name}}}}}"))
    }

    /// A memory sink; its queue has its name. It tries again soon.
    #[must_use]
    pub fn sink(self, name: &str) -> Docs {
        self.doc("Sink", name, &format!("{{memory: {{name: {name}}}, retry: {{delay: 5ms, maxDelay: 20ms}}}}"))
    }

    /// Memory source `in`, memory sink `out`, memory dead letter `dlq`, and the route `main` between them.
    pub fn line() -> Docs {
        Docs::new().source("in").sink("out").sink("dlq").route("main", "in", "out")
    }

    /// From one source to one sink, with the dead letter `dlq`.
    #[must_use]
    pub fn route(self, name: &str, from: &str, to: &str) -> Docs {
        let spec = format!("{{from: [{{name: {from}}}], to: [{{sink: {to}}}], deadLetter: {{sink: dlq}}}}");
        self.doc("Route", name, &spec)
    }

    /// A policy for all routes; `rest` are further keys of the spec.
    #[must_use]
    pub fn policy(self, name: &str, module: &str, rest: &str) -> Docs {
        let phase = if rest.contains("phase:") { "" } else { "phase: Validate, " };
        let wasm = if rest.contains("wasm:") { String::new() } else { format!("wasm: {{module: 'file:{module}'}}") };
        let comma = if rest.is_empty() || wasm.is_empty() { "" } else { ", " };
        self.doc("FilterPolicy", name, &format!("{{{phase}{wasm}{comma}{rest}}}"))
    }
}
