//! `tidegate:guest/state`: keys and values. What they mean stands in [`state`](crate::state); here they cross.

use wasmtime::{
    StoreContextMut,
    component::{ComponentType, Linker, Lower},
};

use crate::{
    contract::{PACKAGE, VERSION},
    fault::Refused,
    state::{self, Broken, Session},
    store::Host,
};

/// `state.refusal`.
#[derive(ComponentType, Lower, Clone, Copy, Debug)]
#[component(enum)]
#[repr(u8)]
enum Refusal {
    #[component(name = "full")]
    Full,
    #[component(name = "too-large")]
    TooLarge,
}

/// Where no batch is being decided: in `describe`, in `configure`, while it is instantiated.
const NOT_NOW: Refused = Refused("state is there only while a batch is decided");

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&format!("{PACKAGE}/state@{VERSION}"))?;
    instance.func_wrap("get", |mut context: StoreContextMut<'_, Host>, (keys,): (Vec<u8>,)| {
        let answer = session(&mut context)?.get(&keys).map_err(broken)?;
        Ok((answer,))
    })?;
    instance.func_wrap("put", |mut context: StoreContextMut<'_, Host>, (entries,): (Vec<u8>,)| {
        let put = session(&mut context)?.put(&entries).map_err(broken)?;
        let refusal = |refusal| match refusal {
            state::Refusal::Full => Refusal::Full,
            state::Refusal::TooLarge => Refusal::TooLarge,
        };
        Ok((put.map_err(refusal),))
    })
}

fn session<'a>(context: &'a mut StoreContextMut<'_, Host>) -> wasmtime::Result<&'a mut Session> {
    context.data_mut().state.as_mut().ok_or_else(|| NOT_NOW.into())
}

fn broken(broken: Broken) -> wasmtime::Error {
    match broken {
        Broken::Contract(problem) => Refused(problem).into(),
        Broken::Gone => Refused("the state cannot be read now").into(),
    }
}
