//! A PKCS#11 module for tests only: it forwards to another module and lets calls fail as a control file says. `CHUKY_FAULT_TARGET`
//! names the module behind it, `CHUKY_FAULT_CONTROL` the file, whose lines are
//!
//! ```text
//! # FUNCTION or *, fault, how often (per_mille=1000) and how many times at most
//! seed 7
//! C_Sign rv=CKR_DEVICE_ERROR per_mille=300
//! C_Sign crash count=1
//! * vanish
//! ```
//!
//! with the faults `rv=CKR_…`, `delay=MILLISECONDS`, `spin=MILLISECONDS`, `hang`, `vanish`, `crash`, `flip`, `other`, `short`, and for a
//! person's token `C_GetTokenInfo flags=NUMBER` and `C_Login pad=PIN`. The first line that applies is
//! met. It is built beside the tests and never shipped. **All unsafe code of the tests stands here**: a C interface cannot be
//! offered without it, and whoever calls it keeps the rules of PKCS#11 (pointers that are valid for their stated lengths).
#![allow(unsafe_code, non_snake_case, missing_docs)]

mod control;

use control::{Control, Fault};
use cryptoki_sys::{
    CK_ATTRIBUTE, CK_BYTE, CK_FLAGS, CK_FUNCTION_LIST, CK_MECHANISM, CK_NOTIFY, CK_OBJECT_HANDLE, CK_RV,
    CK_SESSION_HANDLE, CK_SLOT_ID, CK_TOKEN_INFO, CK_ULONG, CK_USER_TYPE, CK_UTF8CHAR,
};
use std::{
    ffi::c_void,
    ptr::null_mut,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

struct Behind {
    real: CK_FUNCTION_LIST,
    offered: CK_FUNCTION_LIST,
    control: Control,
    vanished: AtomicBool,
}

fn behind() -> &'static Behind {
    static BEHIND: OnceLock<Behind> = OnceLock::new();
    BEHIND.get_or_init(|| {
        let variable = |name: &str| std::env::var_os(name).unwrap_or_else(|| refuse(&format!("{name} is not set")));
        let (target, control) = (variable("CHUKY_FAULT_TARGET"), variable("CHUKY_FAULT_CONTROL"));
        let mut list = null_mut();
        // SAFETY: the named file is a PKCS#11 module; it stays loaded to the end of the process, as its functions are called till then.
        let real = unsafe {
            let module = cryptoki_sys::Pkcs11::new(target).unwrap_or_else(|error| refuse(&error.to_string()));
            let module: &'static cryptoki_sys::Pkcs11 = Box::leak(Box::new(module));
            if module.C_GetFunctionList(&raw mut list) != OK {
                refuse("the module behind gives no functions");
            }
            *list
        };
        Behind { real, offered: offered(real), control: Control::new(control.into()), vanished: AtomicBool::new(false) }
    })
}

fn refuse(what: &str) -> ! {
    eprintln!("fault module: {what}");
    std::process::abort()
}

/// The one exported function (PKCS#11 v2.40 §5.2): all others are in the list.
///
/// # Safety
/// As PKCS#11 asks: `list` is valid for writing one pointer.
// SAFETY: no other symbol of this name is linked into the library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    // SAFETY: the caller's pointer is valid, see above; the list is read only and lives for ever.
    unsafe { *list = (&raw const behind().offered).cast_mut() };
    OK
}

/// What comes before the call: a code to return, or what remains to be done after it.
fn before(function: &str) -> Result<Option<Fault>, CK_RV> {
    match behind().control.fault(function) {
        Some(Fault::Code(code)) => Err(code),
        Some(Fault::Delay(milliseconds)) => {
            std::thread::sleep(Duration::from_millis(milliseconds));
            Ok(None)
        }
        Some(Fault::Spin(milliseconds)) => {
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(milliseconds) {
                std::hint::spin_loop();
            }
            Ok(None)
        }
        Some(Fault::Hang) => loop {
            std::thread::sleep(Duration::from_secs(3_600));
        },
        Some(Fault::Vanish) => {
            close_sessions();
            Err(match function {
                "C_GetTokenInfo" | "C_OpenSession" => TOKEN_NOT_PRESENT,
                _ => DEVICE_REMOVED,
            })
        }
        after => Ok(after),
    }
}

/// A token that went takes its sessions with it: once a disappearance, whatever is called then.
fn close_sessions() {
    if behind().vanished.swap(true, Ordering::AcqRel) {
        return;
    }
    let (mut slots, mut count) = ([0; 64], 64);
    let real = &behind().real;
    // SAFETY: the array holds as many slots as is said.
    unsafe {
        if real.C_GetSlotList.is_some_and(|list| list(1, slots.as_mut_ptr(), &raw mut count) == OK) {
            for slot in slots.iter().take(usize::try_from(count).unwrap_or(0)) {
                real.C_CloseAllSessions.map(|close| close(*slot));
            }
        }
    }
}

/// Functions that fail before the real one is called, or crash after it.
macro_rules! forwarded {
    ($($name:ident($($argument:ident: $kind:ty),*);)*) => {
        $(
            /// # Safety
            /// As PKCS#11 asks of this function.
            // SAFETY: the arguments are handed on as they came.
            unsafe extern "C" fn $name($($argument: $kind),*) -> CK_RV {
                let after = match before(stringify!($name)) {
                    Err(code) => return code,
                    Ok(after) => after,
                };
                let Some(real) = behind().real.$name else { return NOT_SUPPORTED };
                // SAFETY: the caller's promises are those the real function asks for.
                let code = unsafe { real($($argument),*) };
                if after == Some(Fault::Crash) {
                    std::process::abort();
                }
                code
            }
        )*

        /// The real functions with those of this module in front.
        fn offered(real: CK_FUNCTION_LIST) -> CK_FUNCTION_LIST {
            CK_FUNCTION_LIST {
                $($name: Some($name),)*
                C_GetFunctionList: Some(C_GetFunctionList),
                C_GetSlotList: Some(C_GetSlotList),
                C_GetTokenInfo: Some(C_GetTokenInfo),
                C_Login: Some(C_Login),
                C_Sign: Some(C_Sign),
                ..real
            }
        }
    };
}

forwarded! {
    C_Initialize(arguments: *mut c_void);
    C_OpenSession(slot: CK_SLOT_ID, flags: CK_FLAGS, application: *mut c_void, notify: CK_NOTIFY, session: *mut CK_SESSION_HANDLE);
    C_FindObjectsInit(session: CK_SESSION_HANDLE, template: *mut CK_ATTRIBUTE, count: CK_ULONG);
    C_GetAttributeValue(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, template: *mut CK_ATTRIBUTE, count: CK_ULONG);
    C_CreateObject(session: CK_SESSION_HANDLE, template: *mut CK_ATTRIBUTE, count: CK_ULONG, object: *mut CK_OBJECT_HANDLE);
    C_GenerateKeyPair(
        session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, public_template: *mut CK_ATTRIBUTE, public_count: CK_ULONG,
        private_template: *mut CK_ATTRIBUTE, private_count: CK_ULONG, public: *mut CK_OBJECT_HANDLE, private: *mut CK_OBJECT_HANDLE
    );
    C_WrapKey(
        session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, wrapping: CK_OBJECT_HANDLE, key: CK_OBJECT_HANDLE,
        wrapped: *mut CK_BYTE, length: *mut CK_ULONG
    );
    C_UnwrapKey(
        session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, unwrapping: CK_OBJECT_HANDLE, wrapped: *mut CK_BYTE, length: CK_ULONG,
        template: *mut CK_ATTRIBUTE, count: CK_ULONG, key: *mut CK_OBJECT_HANDLE
    );
    C_SignInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE);
}

/// May show more flags than the token has.
///
/// # Safety
/// As PKCS#11 asks: `information` is valid for writing.
// SAFETY: the arguments are handed on as they came.
unsafe extern "C" fn C_GetTokenInfo(slot: CK_SLOT_ID, information: *mut CK_TOKEN_INFO) -> CK_RV {
    let after = match before("C_GetTokenInfo") {
        Err(code) => return code,
        Ok(after) => after,
    };
    let Some(real) = behind().real.C_GetTokenInfo else { return NOT_SUPPORTED };
    // SAFETY: the caller's promises are those the real function asks for.
    let code = unsafe { real(slot, information) };
    match after {
        Some(Fault::Crash) => std::process::abort(),
        // SAFETY: the real function has written it.
        Some(Fault::Flags(flags)) if code == OK => unsafe { (*information).flags |= flags },
        _ => {}
    }
    code
}

/// Without a PIN, the pad's.
///
/// # Safety
/// As PKCS#11 asks: `pin` is valid for `length`, or null.
// SAFETY: the arguments are handed on as they came.
unsafe extern "C" fn C_Login(
    session: CK_SESSION_HANDLE,
    who: CK_USER_TYPE,
    pin: *mut CK_UTF8CHAR,
    length: CK_ULONG,
) -> CK_RV {
    let after = match before("C_Login") {
        Err(code) => return code,
        Ok(after) => after,
    };
    let Some(real) = behind().real.C_Login else { return NOT_SUPPORTED };
    let code = match after {
        Some(Fault::Pad(typed)) if pin.is_null() => {
            let mut typed = typed.to_string().into_bytes();
            // SAFETY: the buffer is as long as is said; the session is the caller's promise.
            unsafe { real(session, who, typed.as_mut_ptr(), typed.len() as CK_ULONG) }
        }
        // SAFETY: the caller's promises are those the real function asks for.
        _ => unsafe { real(session, who, pin, length) },
    };
    if after == Some(Fault::Crash) {
        std::process::abort();
    }
    code
}

/// Without its token the list is empty.
///
/// # Safety
/// As PKCS#11 asks: `count` is valid, and `slots` for as many as it says, or null.
// SAFETY: the arguments are handed on as they came.
unsafe extern "C" fn C_GetSlotList(present: CK_BYTE, slots: *mut CK_SLOT_ID, count: *mut CK_ULONG) -> CK_RV {
    match before("C_GetSlotList") {
        Err(DEVICE_REMOVED) => {
            // SAFETY: `count` is valid, see above.
            unsafe { *count = 0 };
            OK
        }
        Err(code) => code,
        Ok(_) => match behind().real.C_GetSlotList {
            // SAFETY: the caller's promises are those the real function asks for.
            Some(real) => unsafe { real(present, slots, count) },
            None => NOT_SUPPORTED,
        },
    }
}

/// The call with an output buffer is the one that signs; the one before asks for its length only.
///
/// # Safety
/// As PKCS#11 asks: `data` is valid for `length`, `signature` for as many bytes as `signature_length` says, or null.
// SAFETY: the arguments are handed on as they came.
unsafe extern "C" fn C_Sign(
    session: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    length: CK_ULONG,
    signature: *mut CK_BYTE,
    signature_length: *mut CK_ULONG,
) -> CK_RV {
    let Some(real) = behind().real.C_Sign else { return NOT_SUPPORTED };
    if signature.is_null() {
        // SAFETY: the caller's promises are those the real function asks for.
        return unsafe { real(session, data, length, signature, signature_length) };
    }
    let after = match before("C_Sign") {
        Err(code) => return code,
        Ok(after) => after,
    };
    let random = behind().control.random(1);
    // SAFETY: `data` is valid for `length`, see above; it is copied, as it may lie in memory that is read only.
    let mut input = unsafe { std::slice::from_raw_parts(data, usize::try_from(length).unwrap_or(0)) }.to_vec();
    if after == Some(Fault::Other) {
        another_bit(&mut input, random);
    }
    // SAFETY: the input is as long as is said; the rest is the caller's promise.
    let code = unsafe { real(session, input.as_mut_ptr(), length, signature, signature_length) };
    match after {
        Some(Fault::Crash) => std::process::abort(),
        // SAFETY: the real function wrote as many bytes as it says.
        Some(Fault::Flip) if code == OK => unsafe {
            let written = usize::try_from(*signature_length).unwrap_or(0);
            another_bit(std::slice::from_raw_parts_mut(signature, written), random);
        },
        // SAFETY: `signature_length` is valid, see above.
        Some(Fault::Short) if code == OK => unsafe { *signature_length -= 2 },
        _ => {}
    }
    code
}

fn another_bit(bytes: &mut [u8], random: u64) {
    let place = usize::try_from(random % 4_096).unwrap_or(0) % bytes.len().max(1);
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= 1 << (random >> 32 & 7);
    }
}

const OK: CK_RV = 0;
const DEVICE_REMOVED: CK_RV = 0x32;
const NOT_SUPPORTED: CK_RV = 0x54;
const TOKEN_NOT_PRESENT: CK_RV = 0xE0;
