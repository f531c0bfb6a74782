//! The exports of a component, without `post-return`: what a call returned is freed when the next begins.
//!
//! A host can then read a reply where it lies, instead of copying it out before it is freed: an event that a transform leaves as it was
//! is not copied at all. The generated bindings free as soon as a call is over. Their macros look for what they export below a path of
//! the caller's choice; here is one, with the same functions and other exports.

use std::sync::atomic::{AtomicPtr, Ordering};

/// Where the last reply of one function lies.
#[derive(Debug)]
pub struct Reply(AtomicPtr<u8>);

impl Reply {
    pub const fn none() -> Reply {
        Reply(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// Frees what it was, and makes the next.
    ///
    /// # Safety
    /// `free` frees what `call` made, once.
    pub unsafe fn next(&self, free: unsafe fn(*mut u8), call: impl FnOnce() -> *mut u8) -> *mut u8 {
        let last = self.0.swap(std::ptr::null_mut(), Ordering::Relaxed);
        if !last.is_null() {
            // SAFETY: made by `call` before, and not freed: only this function knows of it.
            unsafe { free(last) };
        }
        let reply = call();
        self.0.store(reply, Ordering::Relaxed);
        reply
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __kept_lifecycle {
    ($ty:ident with_types_in $($path:tt)*) => {
        const _: () = {
            #[unsafe(export_name = "tidegate:guest/lifecycle@0.1.0#describe")]
            unsafe extern "C" fn describe() -> *mut u8 {
                static REPLY: $crate::bindings::kept::Reply = $crate::bindings::kept::Reply::none();
                unsafe { REPLY.next($($path)*::__post_return_describe::<$ty>, || $($path)*::_export_describe_cabi::<$ty>()) }
            }
            #[unsafe(export_name = "tidegate:guest/lifecycle@0.1.0#configure")]
            unsafe extern "C" fn configure(config: *mut u8, bytes: usize) -> *mut u8 {
                static REPLY: $crate::bindings::kept::Reply = $crate::bindings::kept::Reply::none();
                unsafe {
                    REPLY.next($($path)*::__post_return_configure::<$ty>, || {
                        $($path)*::_export_configure_cabi::<$ty>(config, bytes)
                    })
                }
            }
        };
    };
}

/// Defines the export macro of a function that takes a batch.
macro_rules! takes_batch {
    ($d:tt $macro:ident, $name:literal, $call:ident, $free:ident) => {
        #[doc(hidden)]
        #[macro_export]
        macro_rules! $macro {
            ($d ty:ident with_types_in $d ($d path:tt)*) => {
                const _: () = {
                    #[unsafe(export_name = $name)]
                    unsafe extern "C" fn call(
                        now_ms: i64,
                        row_words: i32,
                        bytes: *mut u8,
                        bytes_len: usize,
                        index: *mut u8,
                        index_len: usize,
                    ) -> *mut u8 {
                        static REPLY: $d crate::bindings::kept::Reply = $d crate::bindings::kept::Reply::none();
                        unsafe {
                            REPLY.next($d ($d path)*::$free::<$d ty>, || {
                                $d ($d path)*::$call::<$d ty>(now_ms, row_words, bytes, bytes_len, index, index_len)
                            })
                        }
                    }
                };
            };
        }
    };
}

takes_batch!($ __kept_filter, "tidegate:guest/filter@0.1.0#evaluate", _export_evaluate_cabi, __post_return_evaluate);
takes_batch!($ __kept_transform, "tidegate:guest/transform@0.1.0#apply", _export_apply_cabi, __post_return_apply);
takes_batch!($ __kept_matcher, "tidegate:guest/matcher@0.1.0#assign", _export_assign_cabi, __post_return_assign);

/// What the generated macros look for, below `kept::PART`.
macro_rules! part {
    ($part:ident, $generated:ident, $kept:ident, [$($function:ident),*]) => {
        pub mod $part {
            pub mod exports {
                pub mod tidegate {
                    pub mod guest {
                        pub mod $part {
                            pub use crate::bindings::$part::exports::tidegate::guest::$part::{$($function),*};
                            pub use $kept as $generated;
                        }
                    }
                }
            }
        }
    };
}

part!(
    lifecycle,
    __export_tidegate_guest_lifecycle_0_1_0_cabi,
    __kept_lifecycle,
    [_export_configure_cabi, _export_describe_cabi, __post_return_configure, __post_return_describe]
);
part!(
    filter,
    __export_tidegate_guest_filter_0_1_0_cabi,
    __kept_filter,
    [_export_evaluate_cabi, __post_return_evaluate]
);
part!(
    transform,
    __export_tidegate_guest_transform_0_1_0_cabi,
    __kept_transform,
    [_export_apply_cabi, __post_return_apply]
);
part!(matcher, __export_tidegate_guest_matcher_0_1_0_cabi, __kept_matcher, [_export_assign_cabi, __post_return_assign]);
