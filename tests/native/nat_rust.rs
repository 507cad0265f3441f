// SPDX-License-Identifier: MIT
//
// What nat.c is, in Rust: a cdylib whose functions ctypes calls with a Python object, and that call it.
#![crate_type = "cdylib"]
use std::hint::black_box;

#[repr(C)]
pub struct Object {
    _private: [u8; 0],
}

extern "C" {
    fn PyObject_CallObject(callable: *mut Object, arguments: *mut Object) -> *mut Object;
}

macro_rules! level {
    ($name:ident, $exported:ident, $number:expr) => {
        pub mod $name {
            use super::*;

            #[inline(never)]
            fn inner(function: *mut Object) -> *mut Object {
                let result = unsafe { PyObject_CallObject(function, std::ptr::null_mut()) };
                black_box($number);
                result
            }

            #[inline(never)]
            fn middle(function: *mut Object) -> *mut Object {
                let result = inner(function);
                black_box($number + 100);
                result
            }

            #[no_mangle]
            pub extern "C" fn $exported(function: *mut Object) -> *mut Object {
                let result = middle(function);
                black_box($number + 200);
                result
            }
        }
    };
}

level!(a1, rust_a1, 1);
level!(a2, rust_a2, 2);
level!(a3, rust_a3, 3);
level!(a4, rust_a4, 4);
level!(a5, rust_a5, 5);
level!(b1, rust_b1, 11);
level!(b2, rust_b2, 12);
level!(b3, rust_b3, 13);
level!(b4, rust_b4, 14);
level!(b5, rust_b5, 15);
