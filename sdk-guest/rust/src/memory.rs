//! What the compiler takes from a system: memory, and its comparison.
//!
//! Memory that is refused is said in words, before the runtime gives up without any. The host ends the call all the same.

#![allow(unsafe_code, reason = "an allocator and `memcmp` are unsafe by their definition")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Cursor, Write as _};

use crate::bindings::failure::fail;
use crate::value::order;

/// The system's allocator, which speaks.
struct Telling;

#[global_allocator]
static ALLOCATOR: Telling = Telling;

// SAFETY: the system's allocator does all of it, and what it promises is passed on as it is.
unsafe impl GlobalAlloc for Telling {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps what both ask for.
        told(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        told(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: as above.
        told(unsafe { System.realloc(memory, layout, bytes) }, bytes)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

fn told(memory: *mut u8, bytes: usize) -> *mut u8 {
    if memory.is_null() {
        refused(bytes);
    }
    memory
}

#[cold]
fn refused(bytes: usize) {
    // Nothing can be allocated for the words.
    let mut words = Cursor::new([0; 64]);
    let written = write!(words, "out of memory: {bytes} bytes were refused");
    let end = usize::try_from(words.position()).unwrap_or(0);
    match written.ok().and_then(|()| std::str::from_utf8(words.get_ref().get(..end)?).ok()) {
        Some(words) => fail(words),
        None => fail("out of memory"),
    }
}

/// Instead of the compiler's own, which goes byte by byte and yields to any other: most filters compare strings for each event.
///
/// # Safety
/// As in C: both are so many bytes that can be read.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, bytes: usize) -> i32 {
    if bytes == 0 {
        return 0;
    }
    // SAFETY: the caller says so, and C's pointers of some bytes are not null.
    unsafe { order(std::slice::from_raw_parts(a, bytes), std::slice::from_raw_parts(b, bytes)) }
}
