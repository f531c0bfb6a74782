//! Writes the module: a type of the function's name, and the exports of the component.
//!
//! The function itself is left as it is. The type is what tests name: `run_filter::<order_guard>`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{ItemFn, Type};

use crate::options::Options;
use crate::signature::{Kind, config_type};

pub(crate) fn module(kind: Kind, options: &Options, function: &ItemFn) -> syn::Result<TokenStream> {
    let config = config_type(kind, function)?;
    let ItemFn { vis, sig, .. } = function;
    let name = &sig.ident;
    let doc = format!("The module made of the function [`{name}`]: what tests name.");
    let module = module_impl(options, name, config.as_ref());
    let call = call_impl(kind, name, config.is_some());
    let label = label(options, name);
    let export = export(kind, name);
    Ok(quote! {
        #function

        #[doc = #doc]
        #[allow(non_camel_case_types, dead_code)]
        #[derive(Debug)]
        #vis enum #name {}

        #[allow(dead_code)]
        const _: () = {
            #module
            #call
            #label
            #export
        };
    })
}

fn module_impl(options: &Options, name: &syn::Ident, config: Option<&Type>) -> TokenStream {
    let (config, parse) = match config {
        Some(config) => (quote!(#config), quote!(parse_config)),
        None => (quote!(::tidegate_guest::NoConfig), quote!(no_config)),
    };
    let shown = options.name.as_ref().map_or_else(|| quote!(::core::env!("CARGO_PKG_NAME")), |name| quote!(#name));
    let version = options.version.as_ref().map_or_else(|| quote!(::core::env!("CARGO_PKG_VERSION")), |v| quote!(#v));
    let schema = options.config_schema.as_ref().map_or_else(
        || quote!(::core::option::Option::None),
        |path| quote!(::core::option::Option::Some(::core::include_str!(#path))),
    );
    let needs = needs(options);
    quote! {
        impl ::tidegate_guest::module::Module for #name {
            type Config = #config;
            const NAME: &'static str = #shown;
            const VERSION: &'static str = #version;
            const CONFIG_SCHEMA: ::core::option::Option<&'static str> = #schema;
            const NEEDS: ::tidegate_guest::Needs = #needs;

            fn parse(config: &str) -> ::core::result::Result<Self::Config, ::std::string::String> {
                ::tidegate_guest::module::#parse(config)
            }

            fn slot() -> &'static ::std::thread::LocalKey<::core::cell::OnceCell<Self::Config>> {
                ::std::thread_local! {
                    static CONFIG: ::core::cell::OnceCell<#config> = const { ::core::cell::OnceCell::new() };
                }
                &CONFIG
            }
        }
    }
}

/// What stands in the file for whoever does not run it; the constants are those that `describe` answers.
fn label(options: &Options, name: &syn::Ident) -> TokenStream {
    let schema = options.config_schema.as_ref().map(|path| quote!(, ::core::include_str!(#path)));
    quote! {
        #[cfg(target_family = "wasm")]
        const WORDS: &[&str] = &[
            <#name as ::tidegate_guest::module::Module>::NAME,
            <#name as ::tidegate_guest::module::Module>::VERSION,
            ::tidegate_guest::label::SDK
            #schema
        ];
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code)]
        #[unsafe(link_section = "tidegate:label")]
        #[used]
        static LABEL: [u8; ::tidegate_guest::label::len(WORDS)] = ::tidegate_guest::label::bytes(WORDS);
    }
}

fn needs(options: &Options) -> TokenStream {
    let parts = match &options.needs {
        Some(parts) => parts.iter().map(ToString::to_string).collect(),
        None => ["attributes", "extensions", "data"].map(str::to_owned).to_vec(),
    };
    let parts = parts.iter().map(|part| format_ident!("{}", part.to_uppercase()));
    quote!(::tidegate_guest::Needs::NONE #(.and(::tidegate_guest::Needs::#parts))*)
}

fn call_impl(kind: Kind, name: &syn::Ident, takes_config: bool) -> TokenStream {
    let config = takes_config.then(|| quote!(, config));
    match kind {
        Kind::Filter => quote! {
            impl ::tidegate_guest::module::Filter for #name {
                #[inline]
                fn evaluate(event: &::tidegate_guest::Event<'_>, config: &Self::Config) -> ::tidegate_guest::Verdict {
                    let _ = config;
                    ::tidegate_guest::IntoVerdict::into_verdict(#name(event #config))
                }
            }
        },
        Kind::Transform => quote! {
            impl ::tidegate_guest::module::Transform for #name {
                #[inline]
                fn apply(event: &::tidegate_guest::Event<'_>, config: &Self::Config) -> ::tidegate_guest::Output {
                    let _ = config;
                    ::tidegate_guest::IntoOutput::into_output(#name(event #config))
                }
            }
        },
        Kind::Matcher => quote! {
            impl ::tidegate_guest::module::Matcher for #name {
                #[inline]
                fn assign(
                    event: &::tidegate_guest::Event<'_>,
                    config: &Self::Config,
                    names: &mut ::tidegate_guest::Names,
                ) -> ::tidegate_guest::Verdict {
                    let _ = config;
                    ::tidegate_guest::IntoVerdict::into_verdict(#name(event #config, names))
                }
            }
        },
    }
}

fn export(kind: Kind, name: &syn::Ident) -> TokenStream {
    let (part, macro_name) = match kind {
        Kind::Filter => (format_ident!("filter"), format_ident!("export_filter")),
        Kind::Transform => (format_ident!("transform"), format_ident!("export_transform")),
        Kind::Matcher => (format_ident!("matcher"), format_ident!("export_matcher")),
    };
    quote! {
        #[cfg(target_family = "wasm")]
        type Exported = ::tidegate_guest::exports::Exported<#name>;
        #[cfg(target_family = "wasm")]
        ::tidegate_guest::bindings::lifecycle::export_lifecycle!(Exported with_types_in ::tidegate_guest::bindings::kept::lifecycle);
        #[cfg(target_family = "wasm")]
        ::tidegate_guest::bindings::#part::#macro_name!(Exported with_types_in ::tidegate_guest::bindings::kept::#part);
    }
}
