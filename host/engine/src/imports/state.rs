//! `tidegate:guest/state`: linked, so that modules importing it can be described, but refused: `verify` grants it to nobody yet.

use wasmtime::{StoreContextMut, component::Linker};

use crate::{
    abi::Entry,
    contract::{PACKAGE, VERSION},
    fault::Refused,
    store::Host,
};

/// What `verify` says as well.
const UNAVAILABLE: Refused = Refused("state is not available in this host yet");

type Values = Vec<Option<Vec<u8>>>;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&format!("{PACKAGE}/state@{VERSION}"))?;
    instance.func_wrap("get", |_: StoreContextMut<'_, Host>, (_keys,): (Vec<Vec<u8>>,)| {
        wasmtime::Result::<(Values,)>::Err(UNAVAILABLE.into())
    })?;
    instance.func_wrap("put", |_: StoreContextMut<'_, Host>, (_entries,): (Vec<Entry>,)| {
        wasmtime::Result::<(Result<(), String>,)>::Err(UNAVAILABLE.into())
    })
}
