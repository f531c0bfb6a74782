//! `tidegate:guest/failure`: the words of a guest that cannot answer any more. They end the call as a trap does.

use wasmtime::{
    StoreContextMut,
    component::{Linker, WasmStr},
};

use crate::{
    contract::{PACKAGE, VERSION},
    fault::{LastWords, MESSAGE_MAX, cut},
    store::Host,
};

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.instance(&format!("{PACKAGE}/failure@{VERSION}"))?.func_wrap("fail", fail)
}

fn fail(context: StoreContextMut<'_, Host>, (message,): (WasmStr,)) -> wasmtime::Result<()> {
    let text = message.to_str(&context)?;
    Err(LastWords(cut(&text, MESSAGE_MAX).to_owned()).into())
}
