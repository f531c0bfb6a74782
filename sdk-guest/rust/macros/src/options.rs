//! What stands in the parentheses of `#[filter(…)]`.

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Expr, Ident, LitStr, Token, parenthesized};

/// All optional.
#[derive(Default)]
pub(crate) struct Options {
    /// A constant expression.
    pub(crate) name: Option<Expr>,
    /// A constant expression.
    pub(crate) version: Option<Expr>,
    pub(crate) config_schema: Option<LitStr>,
    pub(crate) needs: Option<Vec<Ident>>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Options> {
        let mut options = Options::default();
        while !input.is_empty() {
            options.parse_one(input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

impl Options {
    fn parse_one(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let key: Ident = input.parse()?;
        match key.to_string().as_str() {
            "name" => self.name = Some(value(input)?),
            "version" => self.version = Some(value(input)?),
            "config_schema" => self.config_schema = Some(value(input)?),
            "needs" => self.needs = Some(parts(input)?),
            other => {
                let known = "name, version, config_schema, needs";
                return Err(syn::Error::new(key.span(), format!("no option named `{other}`; there are {known}")));
            }
        }
        Ok(())
    }
}

fn value<T: Parse>(input: ParseStream<'_>) -> syn::Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn parts(input: ParseStream<'_>) -> syn::Result<Vec<Ident>> {
    let list;
    parenthesized!(list in input);
    let parts: Vec<Ident> = Punctuated::<Ident, Token![,]>::parse_terminated(&list)?.into_iter().collect();
    for part in &parts {
        if !["attributes", "extensions", "data", "context"].contains(&part.to_string().as_str()) {
            return Err(syn::Error::new(part.span(), "an event has attributes, extensions, data and context"));
        }
    }
    Ok(parts)
}
