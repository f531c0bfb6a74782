//! The generated `Guest` traits, for everything that the attribute macros make. Only components use this.

use std::marker::PhantomData;

use crate::batch::Batch;
use crate::bindings::{events, filter_export, lifecycle_export, matcher_export, transform_export};
use crate::module::{self, Filter, Matcher, Module, Transform};

/// The component's side of a module.
#[derive(Debug)]
pub struct Exported<M>(PhantomData<M>);

impl<M: Module> lifecycle_export::Guest for Exported<M> {
    fn describe() -> lifecycle_export::Info {
        lifecycle_export::Info {
            name: M::NAME.to_owned(),
            version: M::VERSION.to_owned(),
            config_schema: M::CONFIG_SCHEMA.map(str::to_owned),
        }
    }

    fn configure(config: String) -> Result<events::Needs, String> {
        #[cfg(target_family = "wasm")]
        crate::failure::say_why();
        let config = M::parse(&config)?;
        M::slot().with(|slot| slot.set(config)).map_err(|_| "this instance has been configured before".to_owned())?;
        Ok(M::NEEDS.into())
    }
}

impl<F: Filter> filter_export::Guest for Exported<F> {
    fn evaluate(batch: events::Batch) -> Result<events::Outcomes, String> {
        configured::<F, _>(|config| module::evaluate::<F>(&Batch::from(batch), config))
    }
}

impl<T: Transform> transform_export::Guest for Exported<T> {
    fn apply(batch: events::Batch) -> Result<transform_export::Output, String> {
        configured::<T, _>(|config| module::apply::<T>(&Batch::from(batch), config))
    }
}

impl<M: Matcher> matcher_export::Guest for Exported<M> {
    fn assign(batch: events::Batch) -> Result<matcher_export::Assignment, String> {
        configured::<M, _>(|config| module::assign::<M>(&Batch::from(batch), config))
    }
}

fn configured<M: Module, T>(f: impl FnOnce(&M::Config) -> Result<T, String>) -> Result<T, String> {
    M::slot().with(|slot| f(slot.get().ok_or("called before `configure`")?))
}
