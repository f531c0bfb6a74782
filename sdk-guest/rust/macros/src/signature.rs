//! Reads what a function takes.

use syn::spanned::Spanned;
use syn::{FnArg, ItemFn, Type};

/// Which attribute stands above the function.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Filter,
    Transform,
    Matcher,
}

impl Kind {
    fn usage(self) -> &'static str {
        match self {
            Kind::Filter => "a filter takes `event: &Event` or `event: &Event, config: &Config`",
            Kind::Transform => "a transform takes `event: &Event` or `event: &Event, config: &Config`",
            Kind::Matcher => {
                "a matcher takes `event: &Event, names: &mut Names` or `event: &Event, config: &Config, names: &mut Names`"
            }
        }
    }
}

/// The type of the configuration, if the function takes one.
pub(crate) fn config_type(kind: Kind, function: &ItemFn) -> syn::Result<Option<Type>> {
    let signature = &function.sig;
    if let Some(token) = &signature.asyncness {
        return Err(syn::Error::new(token.span(), "a module has nothing to wait for: make it a plain function"));
    }
    if !signature.generics.params.is_empty() {
        return Err(syn::Error::new(signature.generics.span(), "a module cannot be generic"));
    }
    let usage = || syn::Error::new(signature.inputs.span(), kind.usage());
    let types: Vec<&Type> = signature
        .inputs
        .iter()
        .map(|input| match input {
            FnArg::Typed(typed) => Ok(typed.ty.as_ref()),
            FnArg::Receiver(_) => Err(usage()),
        })
        .collect::<Result<_, _>>()?;
    let config = match (kind, types.as_slice()) {
        (Kind::Filter | Kind::Transform, [_]) | (Kind::Matcher, [_, _]) => return Ok(None),
        (Kind::Filter | Kind::Transform, [_, config]) | (Kind::Matcher, [_, config, _]) => config,
        (Kind::Filter | Kind::Transform | Kind::Matcher, _) => return Err(usage()),
    };
    if let Type::Reference(reference) = config
        && reference.mutability.is_none()
    {
        return Ok(Some((*reference.elem).clone()));
    }
    Err(syn::Error::new(config.span(), "the configuration is shared by all events: take it as `&Config`"))
}
