//! The attribute macros of `tidegate-guest`, which re-exports and documents them. Nothing else should depend on this crate.

mod expand;
mod options;
mod signature;

use proc_macro::TokenStream;
use syn::{ItemFn, parse_macro_input};

use crate::options::Options;
use crate::signature::Kind;

/// Makes a filter of a function: it decides which events go on.
///
/// ```ignore
/// #[filter]
/// fn order_guard(event: &Event) -> Verdict { … }
///
/// #[filter(needs(attributes, data), config_schema = "schema.json")]
/// fn order_guard(event: &Event, config: &Config) -> Verdict { … }
/// ```
///
/// The configuration is any type with `serde::Deserialize`. Returns anything that is `IntoVerdict`: a `Verdict`, a `bool`, or a
/// `Result` of one.
///
/// Options, all of them optional:
/// - `needs(attributes, extensions, data, context)`: what the module reads. The host leaves the rest out, which is cheaper;
///   reading it all the same fails. Default: attributes, extensions and data.
/// - `name = "…"`, `version = "…"`: what `tidegate inspect` shows; constants of type `&str`. Default: those of the package.
/// - `config_schema = "schema.json"`: a JSON Schema for the configuration, relative to the source file.
#[proc_macro_attribute]
pub fn filter(options: TokenStream, function: TokenStream) -> TokenStream {
    module(Kind::Filter, options, function)
}

/// Makes a transform of a function: it rewrites and splits events.
///
/// ```ignore
/// #[transform]
/// fn stamp(event: &Event, config: &Config) -> Draft { event.patch().extension("region", &config.region) }
/// ```
///
/// Returns anything that is `IntoOutput`: a `Draft`, several of them, none, or a `Result`. Options as for `#[filter]`.
#[proc_macro_attribute]
pub fn transform(options: TokenStream, function: TokenStream) -> TokenStream {
    module(Kind::Transform, options, function)
}

/// Makes a matcher of a function: it says where events belong, by names that routes map to sinks and topics.
///
/// ```ignore
/// #[matcher]
/// fn by_region(event: &Event, names: &mut Names) { names.join(&["orders", event.extension_str("region").unwrap_or("none")]) }
/// ```
///
/// The names come last; a configuration stands between event and names. Returns nothing, or anything that is `IntoVerdict`. Options as for
/// `#[filter]`.
#[proc_macro_attribute]
pub fn matcher(options: TokenStream, function: TokenStream) -> TokenStream {
    module(Kind::Matcher, options, function)
}

fn module(kind: Kind, options: TokenStream, function: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as Options);
    let function = parse_macro_input!(function as ItemFn);
    expand::module(kind, &options, &function).unwrap_or_else(|error| error.into_compile_error()).into()
}
